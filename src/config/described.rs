//! What each setting is for, and which variable of the environment stands for it: what the reference says.
//!
//! Names and order are those of [`Settings::effective`](super::Settings::effective), the defaults are there;
//! a test holds the two together, and each variable against what it leads to.

/// A setting, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    /// As `bb config` calls it. Where people choose the last part, it is `NAME`.
    pub name: &'static str,
    /// The variable that wins over `bb.toml`.
    pub variable: Option<&'static str>,
    /// Whether `bb.toml` may have it.
    pub in_file: bool,
    /// What it is for.
    pub what: &'static str,
}

const fn in_file(
    name: &'static str,
    variable: Option<&'static str>,
    what: &'static str,
) -> Described {
    Described { name, variable, in_file: true, what }
}

const fn of_environment(
    name: &'static str,
    variable: &'static str,
    what: &'static str,
) -> Described {
    Described { name, variable: Some(variable), in_file: false, what }
}

/// All settings.
pub const DESCRIBED: [Described; 37] = [
    in_file("namespace", Some("NAMESPACE"), "first part of every image's name: `NAMESPACE/nginx`"),
    in_file("tag", Some("TAG"), "tag of every image, besides `latest`"),
    in_file("maintainer", Some("AUTHOR"), "for the marker `${MAINTAINER}`"),
    in_file("docks", None, "folder of the docks, relative to the project"),
    in_file("exclude", Some("EXCLUDE"), "images that are left out unless they are named"),
    in_file(
        "mirrors",
        Some("MIRROR"),
        "asked in order: `https://`, `http://`, `file://`, or a folder",
    ),
    in_file(
        "distdir",
        Some("BB_DISTDIR"),
        "a folder in which source archives are looked for, besides `.bb/distfiles`, before a mirror is asked",
    ),
    in_file("arch", None, "which stage3: Gentoo's name of the architecture"),
    in_file("flavour", None, "which stage3: the rest of its name"),
    in_file("source_date_epoch", None, "the time of every file in an image, in seconds since 1970"),
    in_file(
        "caches",
        None,
        "first part of the names of the engine's caches: projects that share them share binary packages",
    ),
    in_file(
        "builder.processes",
        None,
        "how many processes and threads a builder may have at one time",
    ),
    in_file(
        "builder.memory",
        None,
        "what a builder may use, such as `\"8 GiB\"`; unset, four fifths of the engine's",
    ),
    in_file(
        "engine",
        Some("BB_ENGINE"),
        "`native`, `docker` (or Podman), or the one that is there: `auto`; not where this container is a builder",
    ),
    in_file("made_by_make", None, "files that rules of an including Makefile make"),
    in_file(
        "net.least_rate",
        None,
        "bytes a second that a mirror has to give, else the next one is asked; 0: any",
    ),
    in_file(
        "net.ca",
        None,
        "a PEM file with certificates of authorities that registries are trusted by, besides the machine's",
    ),
    in_file(
        "registry.insecure",
        None,
        "registries, `HOST[:PORT]`, that may be asked without TLS; those of this machine may anyway",
    ),
    in_file(
        "store.url",
        Some("BB_STORE"),
        "where finished steps' results are had from and go to: `oci://HOST/REPOSITORY`, `file:///FOLDER`, \
         `https://…` (read only)",
    ),
    in_file(
        "store.pull",
        None,
        "whether they are taken from there: `yes`, `no`, or `ci`: where `CI` is set",
    ),
    in_file("store.push", None, "whether they are given there, likewise"),
    in_file(
        "store.trust",
        None,
        "files with public keys: only what is signed by one of these is taken",
    ),
    of_environment(
        "store.key",
        "BB_STORE_KEY",
        "the file with the key that signs what is given: `bb store key`",
    ),
    in_file(
        "launcher",
        Some("BB_LAUNCHER"),
        "what starts `bb step ID` on another machine: `[\"srun\", \"-n1\", \"-c{jobs}\"]`; also `{step}`, `{memory}` (MB)",
    ),
    in_file(
        "project.links",
        Some("BB_LINKS"),
        "places outside of the project that links in it may lead to",
    ),
    of_environment(
        "date",
        "DATE",
        "a snapshot's date, `YYYYMMDD`: `bb update` pins it, `bb outdated` looks at it, a build insists on it",
    ),
    in_file(
        "trust.keyring",
        Some("BB_KEYRING"),
        "OpenPGP certificates, besides those that `bb keys` keeps",
    ),
    in_file("trust.fingerprints", Some("BB_FINGERPRINTS"), "primary fingerprints that count"),
    in_file("trust.key_urls", Some("BB_KEY_URLS"), "where `bb keys refresh` asks, in order"),
    of_environment(
        "own_keys",
        "XDG_DATA_HOME",
        "where `bb keys` keeps certificates: `gentoo-bb/keys` there, else in `~/.local/share`",
    ),
    of_environment(
        "skip_verify",
        "BB_SKIP_VERIFY",
        "`1`, `true`, `yes` or `on`: as `-s`, for recipes of make",
    ),
    in_file(
        "registry.mirrors.NAME",
        None,
        "web addresses that are asked for images of a registry before it is: \
         `\"docker.io\" = [\"https://mirror.example\"]`",
    ),
    in_file("limits.NAME", None, "how much is read of what others hand out: the next table"),
    in_file(
        "build.NAME",
        None,
        "variables for Portage's `make.conf`; `CFLAGS` is `-O2 -pipe` if you say nothing",
    ),
    in_file(
        "labels.NAME",
        None,
        "a label of every image, by the OCI's short name or a whole one; the variable `REVISION` sets \
         `labels.revision`",
    ),
    in_file(
        "secrets.NAME",
        None,
        "what `RUN --mount=type=secret` shows: `{ file = \"PATH\" }` or `{ env = \"…\" }`",
    ),
    in_file("task.NAME", None, "a command of your own as a step: [joining.md](joining.md)"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::super::{Settings, Source};
    use super::DESCRIBED;

    /// One of each that people name.
    const NAMED: &str = "[registry.mirrors]\n\"docker.io\" = [\"https://m\"]\n[build]\nCFLAGS = \"-O1\"\n[labels]\nvendor = \"me\"\n[secrets]\na = {file = \"b\"}\n[task.notes]\nrun = \"true\"\n";
    const TABLES: [&str; 5] = ["limits", "build", "labels", "secrets", "task"];

    fn resolve(text: &str, env: &[(&str, &str)]) -> Settings {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::resolve(Path::new("bb.toml"), text, &env.collect::<BTreeMap<_, _>>()).unwrap()
    }

    #[test]
    fn every_setting_is_described_in_its_place() {
        let known = resolve(NAMED, &[]).effective().into_iter().map(|setting| setting.name);
        let mut known = known
            .map(|name| match name.split_once('.') {
                Some((table, _)) if TABLES.contains(&table) => format!("{table}.NAME"),
                _ if name.starts_with("registry.mirrors.") => "registry.mirrors.NAME".to_owned(),
                _ => name,
            })
            .collect::<Vec<_>>();
        known.dedup();
        assert_eq!(known, DESCRIBED.map(|one| one.name.to_owned()));
    }

    #[test]
    fn every_variable_leads_to_its_setting() {
        for one in DESCRIBED {
            let Some(variable) = one.variable else { continue };
            // A text that each takes: a folder for one, a yes for another.
            let value = match variable {
                "XDG_DATA_HOME" => "/data",
                "BB_STORE" => "file:///store",
                _ => "1",
            };
            let settings = resolve("", &[(variable, value)]);
            assert_eq!(settings.sources.of_setting(one.name), Source::Variable(variable));
        }
    }

    #[test]
    fn only_the_environment_has_what_bb_toml_may_not() {
        for one in DESCRIBED.iter().filter(|one| !one.in_file) {
            let text = format!("{} = 1\n", one.name);
            let refused = Settings::resolve(Path::new("bb.toml"), &text, &BTreeMap::new());
            assert!(refused.unwrap_err().message().contains("unknown field"), "{}", one.name);
        }
    }
}

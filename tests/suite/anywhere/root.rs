//! A root of a test's own, in which `bb` runs: a folder with that program and what a test puts there.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::sealed::{Engine, Mirror, Run};

/// Whose account is nowhere.
const NOBODY: &str = "4711";

pub struct Root {
    /// `root` is what the program sees; beside it is what it does not.
    folder: tempfile::TempDir,
}

/// A run, and what it opened, looked at and connected to.
pub struct Traced {
    pub run: Run,
    pub calls: Vec<String>,
}

impl Root {
    /// Of a static `bb` and nothing else.
    pub fn bare() -> Self {
        Self::with(support::static_bb())
    }

    pub fn with(program: &Path) -> Self {
        let root = Self { folder: tempfile::tempdir().unwrap() };
        fs::set_permissions(root.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir_all(root.path("etc")).unwrap();
        fs::create_dir_all(root.path("project/bb-dock")).unwrap();
        fs::copy(program, root.path("bb")).unwrap();
        root
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join("root").join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }

    /// A project of the local mirror's, wherever it is served.
    pub fn project(&self, mirror: &str) {
        let folder = Mirror::get().folder;
        let fingerprint = fs::read_to_string(folder.join("fingerprint")).unwrap();
        fs::copy(folder.join("key.asc"), self.path("project/key.asc")).unwrap();
        let settings = format!(
            "namespace = \"anywhere\"\nmirrors = [\"{mirror}\"]\n\
             [trust]\nkeyring = \"key.asc\"\nfingerprints = [\"{}\"]\n",
            fingerprint.trim()
        );
        self.write("project/bb.toml", &settings);
    }

    /// Has one dock, with a file `f`.
    pub fn dock(&self, template: &str) {
        self.write("project/bb-dock/a/Dockerfile.template", template);
        self.write("project/bb-dock/a/Buildconfig.sh", "");
        self.write("project/bb-dock/a/f", "");
    }

    /// Has the certificate of an authority.
    pub fn trusts(&self, authority: &str) {
        self.write("etc/ca.pem", authority);
    }

    /// The C library of the mirror's stage3, all of its parts.
    pub fn unpack_c_library(&self, mirror: &Mirror) {
        let stage3 = mirror.find("releases", "stage3-", ".tar.xz");
        let mut tar = Command::new("tar");
        tar.arg("-xJf").arg(stage3).arg("-C").arg(self.path("")).arg("--wildcards");
        for part in ["ld-linux*", "libc.so.*", "libm.so.*", "libnss_*", "libresolv.so.*"] {
            tar.arg(format!("./usr/lib/*-linux-gnu/{part}"));
        }
        assert!(tar.status().unwrap().success());
        symlink("usr/lib", self.path("lib")).unwrap();
        let folders = fs::read_dir(self.path("usr/lib")).unwrap();
        let folder = folders.map(|entry| entry.unwrap().path()).next().unwrap();
        assert!(folder.join("libnss_hesiod.so.2").exists(), "{}", folder.display());
    }

    /// Debian's musl, where its programs look for it.
    pub fn put_musl(&self) {
        let name = format!("ld-musl-{}.so.1", std::env::consts::ARCH);
        fs::create_dir_all(self.path("lib")).unwrap();
        fs::copy(Path::new("/lib").join(&name), self.path("lib").join(&name))
            .expect("Debian's `musl` is needed");
    }

    /// As an image of its own in an engine.
    pub fn import(&self, engine: &Engine, name: &str) {
        let file = self.folder.path().join("root.tar");
        let mut tar = Command::new("tar");
        tar.arg("-cf").arg(&file).arg("-C").arg(self.path("")).arg(".");
        assert!(tar.status().unwrap().success());
        engine.docker(&["import", file.to_str().unwrap(), name]);
    }

    pub fn bb(&self, args: &str) -> Traced {
        self.bb_with(&[], args)
    }

    pub fn bb_with(&self, env: &[(&str, &str)], args: &str) -> Traced {
        self.traced(&[], env, args)
    }

    /// As somebody who has no account, with the project as the only folder to write to.
    pub fn bb_as_nobody(&self, args: &str) -> Traced {
        let number = NOBODY.parse().unwrap();
        std::os::unix::fs::chown(self.path("project"), Some(number), Some(number)).unwrap();
        self.traced(&["--setuid", NOBODY, "--setgid", NOBODY], &[], args)
    }

    pub fn untraced(&self, env: &[(&str, &str)], args: &str) -> Run {
        Run::of(self.enter(Command::new("unshare"), &[], env, args))
    }

    fn traced(&self, flags: &[&str], env: &[(&str, &str)], args: &str) -> Traced {
        let log = self.folder.path().join("calls");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-e", "trace=%file,connect", "-o"]).arg(&log).arg("unshare");
        let run = Run::of(self.enter(strace, flags, env, args));
        let calls = fs::read_to_string(log).unwrap();
        // What is before is of those who enter.
        let own = calls.lines().skip_while(|line| !line.contains("execve(\"/bb\""));
        let calls = own.map(str::to_owned).collect::<Vec<_>>();
        assert!(!calls.is_empty(), "`bb` did not start: {run:?}");
        Traced { run, calls }
    }

    fn enter(
        &self,
        mut command: Command,
        flags: &[&str],
        env: &[(&str, &str)],
        args: &str,
    ) -> Command {
        command.arg(format!("--root={}", self.path("").display())).arg("--wd=/project").args(flags);
        command.arg("/bb").args(args.split_whitespace());
        // PATH is for those who enter.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("LANG", "de_DE.UTF-8").env("LOCPATH", "/usr/lib/locale");
        if self.path("etc/ca.pem").exists() {
            command.env("SSL_CERT_FILE", "/etc/ca.pem");
        }
        command.envs(env.iter().copied()).stdin(Stdio::null());
        command
    }
}

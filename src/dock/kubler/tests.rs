use super::*;

fn namespace() -> Namespace {
    let values =
        [("AUTHOR", "A <a@b.c>"), ("DEFAULT_BUILDER", "kubler/bob"), ("BOB_COLOUR", "red")];
    let docks = ["busybox", "glibc"].map(|name| name.parse().unwrap());
    Namespace {
        name: "mine".to_owned(),
        values: values.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        docks: docks.into(),
    }
}

fn named<'a>(name: &'a str, text: &'a str) -> Named<'a> {
    Named { name, text }
}

/// An image of a `build.sh`, a `build.conf` and a Dockerfile.template.
fn image(script: &str, conf: &str, template: &str) -> Converted {
    let files = ["etc/a.conf", "etc/b/c", "run.sh"].map(str::to_owned);
    let image = Image {
        script: Some(named("build.sh", script)),
        conf: Some(named("build.conf", conf)),
        template: named("Dockerfile.template", template),
        test: None,
        files: &files.into(),
    };
    convert(&image, &namespace())
}

fn told(converted: &Converted) -> Vec<String> {
    let note = |note: &Note| format!("{} {} {}", note.weight.word(), note.place(), note.what);
    converted.notes.iter().map(note).collect()
}

/// A `build.sh`, what becomes of it, and what is told.
#[track_caller]
fn script(before: &str, after: &str, notes: &[&str]) {
    let converted = image(before, "", "FROM scratch\n");
    assert_eq!(converted.buildconfig, after, "{before}");
    assert_eq!(told(&converted), notes, "{before}");
}

#[test]
fn variables_are_renamed_as_whole_words_in_code_and_where_they_are_replaced() {
    for (before, after) in [
        ("_packages=\"a/b\"\n", "PACKAGES=\"a/b\"\n"),
        ("_packages+=' c'\n", "PACKAGES+=' c'\n"),
        ("my_packages=1\necho $my_packages\n", "my_packages=1\necho $my_packages\n"),
        ("_old_packages=1\n", "_old_packages=1\n"),
        (
            "# _packages are many\n_packages=a # _packages\n",
            "# _packages are many\nPACKAGES=a # _packages\n",
        ),
        ("rm \"${_EMERGE_ROOT}\"/x\n", "rm \"${EMERGE_ROOT}\"/x\n"),
        ("rm \"$_EMERGE_ROOT/x\"\n", "rm \"$EMERGE_ROOT/x\"\n"),
        ("echo '$_EMERGE_ROOT' \"_EMERGE_ROOT\"\n", "echo '$_EMERGE_ROOT' \"_EMERGE_ROOT\"\n"),
        ("cat <<X\n$_EMERGE_ROOT\nX\n", "cat <<X\n$EMERGE_ROOT\nX\n"),
        ("cat <<'X'\n$_EMERGE_ROOT\nX\n", "cat <<'X'\n$_EMERGE_ROOT\nX\n"),
        ("x=$(ls \"${_EMERGE_ROOT}\")\n", "x=$(ls \"${EMERGE_ROOT}\")\n"),
        (
            "ls /usr/\"${_LIB}\"/x \"/usr/${_LIB}\"\n",
            "ls /usr/\"$(libdir)\"/x \"/usr/$(libdir)\"\n",
        ),
        ("[[ $_LIB == lib64 ]]\n", "[[ $(libdir) == lib64 ]]\n"),
        (
            "_keep_headers=true\n_keep_static_libs=true\n",
            "KEEP_HEADERS=true\nKEEP_STATIC_LIBS=true\n",
        ),
        ("rm \"$ROOT\"/x\nunset ROOT\n", "rm \"$EMERGE_ROOT\"/x\nunset ROOT\n"),
        ("f() {\n    local _packages=\n}\n", "f() {\n    local PACKAGES=\n}\n"),
    ] {
        script(before, after, &[]);
    }
}

#[test]
fn what_parents_have_kept_is_kept_here() {
    script(
        "_static_libs_from=mine/zlib # to link\n",
        "KEEP_STATIC_LIBS=yes # to link\n",
        &["differs build.sh:1 _static_libs_from"],
    );
    script(
        "#\n_headers_from=\"a/b c/d\"\n_iconv_from=kubler/glibc\n",
        "#\nKEEP_HEADERS=yes\nKEEP_CHARSETS=yes\n",
        &["differs build.sh:2 _headers_from", "differs build.sh:3 _iconv_from"],
    );
}

#[test]
fn what_an_audit_would_find_is_allowed() {
    let settings = |script: &str| image(script, "", "FROM scratch\n").settings.unwrap_or_default();
    let both = settings("_headers_from=a/b\n_keep_static_libs=true\n");
    assert_eq!(
        both,
        "[[audit.allow]]\nrule = \"header\"\npath = \"/usr/**\"\nreason = \"KEEP_HEADERS of Buildconfig.sh\"\n\n\
         [[audit.allow]]\nrule = \"static-library\"\npath = \"/usr/**\"\nreason = \"KEEP_STATIC_LIBS of Buildconfig.sh\"\n"
    );
    assert_eq!(settings("_keep_headers=\n"), "");
}

#[test]
fn folders_that_are_links_are_told() {
    let text = |root: &str| {
        format!("configure_rootfs_build() {{\n    mkdir -p \"${{{root}}}\"/lib64\n}}\n")
    };
    let what = "hand build.sh:2 /lib in the image's root, before its packages";
    script(&text("_EMERGE_ROOT"), &text("EMERGE_ROOT"), &[what]);
}

#[test]
fn commands_are_told_where_they_are_called_and_nowhere_else() {
    script(
        "x() { echo wget; }\n# curl\necho \"git\"\n",
        "x() { echo wget; }\n# curl\necho \"git\"\n",
        &[],
    );
    script(
        "wget x && curl y | z\n",
        "wget x && curl y | z\n",
        &["hand build.sh:1 wget", "hand build.sh:1 curl"],
    );
    script("x=$(curl y)\n", "x=$(curl y)\n", &["hand build.sh:1 curl"]);
    script("foo \\\n  git\n", "foo \\\n  git\n", &[]);
    script("if ! git a; then :; fi\n", "if ! git a; then :; fi\n", &["hand build.sh:1 git"]);
    script(
        "case $x in\na) git y ;;\nesac\n",
        "case $x in\na) git y ;;\nesac\n",
        &["hand build.sh:2 git"],
    );
    script("git() { :; }\ngit x\n", "git() { :; }\ngit x\n", &[]);
    script("GIT_DIR=x git y\n", "GIT_DIR=x git y\n", &["hand build.sh:1 git"]);
    script(
        "f() {\n    init_docs 'a/b'\n    x && log_as_installed \"a\" b\n}\n",
        "f() {\n    : init_docs 'a/b'\n    x && : log_as_installed \"a\" b\n}\n",
        &["differs build.sh:2 init_docs", "differs build.sh:3 log_as_installed"],
    );
    for known in
        ["update_use a/b +c", "provide_package a/b", "uninstall_package a/b", "sed-or-die a b c"]
    {
        script(&format!("f() {{\n{known}\n}}\n"), &format!("f() {{\n{known}\n}}\n"), &[]);
    }
}

#[test]
fn what_is_installed_in_the_builder_becomes_a_variable() {
    let (head, tail) = (
        "configure_rootfs_build() {\n    configure_builder # kubler calls it by itself\n    :\n}\n",
        "",
    );
    let rest = "configure_rootfs_build() {\n    :\n}\n";
    for (before, after) in [
        ("emerge dev-lang/go app-misc/foo", "BUILD_PACKAGES+=\" dev-lang/go app-misc/foo\""),
        ("emerge -1 -v \"php:${_slot}\" 'git'", "BUILD_PACKAGES+=\" php:${_slot} git\""),
        ("emerge a/b \\\n        c/d # why", "BUILD_PACKAGES+=\" a/b \\\n        c/d\" # why"),
        ("update_use a/b +c\n    emerge a/b", "update_use a/b +c\n    BUILD_PACKAGES+=\" a/b\""),
    ] {
        let before = format!("configure_builder() {{\n    {before}\n}}\n{rest}");
        let after = format!("configure_builder() {{\n    {after}\n}}\n{head}{tail}");
        script(&before, &after, &[]);
    }
    for other in [
        "emerge -C a/b",
        "emerge --sync",
        "emerge @world",
        "emerge $(x)",
        "x | emerge a",
        "emerge -e a",
    ] {
        let before = format!("configure_builder() {{\n    {other}\n}}\n{rest}");
        let after = format!("configure_builder() {{\n    {other}\n}}\n{head}");
        script(&before, &after, &["hand build.sh:2 emerge"]);
    }
}

#[test]
fn the_hook_for_the_builder_is_called() {
    script(
        "configure_bob()\n{\n    :\n}\n\nconfigure_rootfs_build()\n{\n\n    # why\n    update_use a/b +c\n}\n",
        "configure_bob()\n{\n    :\n}\n\nconfigure_rootfs_build()\n{\n    configure_bob # kubler calls it by itself\n\n    \
         # why\n    update_use a/b +c\n}\n",
        &[],
    );
    script(
        "configure_builder() { :; }\nconfigure_rootfs_build() { true; }\n",
        "configure_builder() { :; }\nconfigure_rootfs_build() { configure_builder; true; }\n",
        &[],
    );
    script(
        "configure_builder() { cp {a,b} c; }",
        "configure_builder() { cp {a,b} c; }\n\n# kubler calls configure_builder by itself.\nconfigure_rootfs_build() \
         {\n\tconfigure_builder\n}\n",
        &[],
    );
}

#[test]
fn what_is_installed_in_the_image_by_a_hook() {
    script(
        "configure_rootfs_build() {\n    emerge -v a/b\n}\n",
        "configure_rootfs_build() {\n    PACKAGES+=\" a/b\"\n}\n",
        &[],
    );
    let same = |text: &str, notes: &[&str]| script(text, text, notes);
    same(
        "configure_rootfs_build() {\n    unset ROOT\n    emerge a/b\n}\n",
        &["hand build.sh:3 emerge"],
    );
    same("finish_rootfs_build() {\n    emerge a/b\n}\n", &["hand build.sh:2 emerge"]);
    same("finish_rootfs_build() {\n    emerge -C a/b\n}\n", &[]);
    same(
        "finish_rootfs_build() {\n    unset ROOT\n    emerge -C a/b\n}\n",
        &["hand build.sh:3 emerge after `unset ROOT`"],
    );
}

#[test]
fn files_that_a_hook_reads_are_inputs() {
    let inputs = |script: &str| image(script, "", "FROM scratch\n").settings.unwrap_or_default();
    let head = "[rootfs]\n# What Buildconfig.sh reads below /config.\n";
    for (script, list) in [
        ("cp -r /config/etc/* x\n", "\"etc/**\""),
        ("cp /config/run.sh \"${_CONFIG}\"/etc/b/c x\n", "\"etc/b/c\", \"run.sh\""),
        ("cp /config/$x /config/etc/a.conf y\n", "\"**\""),
    ] {
        assert_eq!(inputs(script), format!("{head}inputs = [{list}]\n"), "{script}");
    }
    for script in [
        "# cp /config/etc\n",
        "cp /config/fetched/x y\n",
        "cp \"$A/config/etc\" x\n",
        "ls /config/none\n",
    ] {
        assert_eq!(inputs(script), "", "{script}");
    }
}

#[test]
fn downloads_are_begun_in_dock_toml() {
    let script = "_v=1.2\nf() {\n    download_file https://h/x-\"${_v}\".tar.gz\n    download_file \"https://h/?id=7\" y.tar -v\n    \
                  add_patch a/b https://h/p.patch\n    tar xf \"${__download_file}\"\n}\n";
    let converted = image(script, "", "FROM scratch\n");
    assert_eq!(converted.buildconfig, script);
    assert_eq!(
        converted.settings.unwrap(),
        "[rootfs]\n# What build.sh has downloaded. `sha512sum FILE` and `stat -c %s FILE` say what is missing here.\n\
         # fetch = [\n#   { url = \"https://h/x-1.2.tar.gz\", sha512 = \"\", size = 0 },\n\
         #   { url = \"https://h/?id=7\", name = \"y.tar\", sha512 = \"\", size = 0 },\n\
         #   { url = \"https://h/p.patch\", sha512 = \"\", size = 0 },\n# ]\n"
    );
    assert_eq!(converted.notes.len(), 3);
}

#[test]
fn the_parent_is_what_from_names() {
    let from = |conf: &str| {
        let converted = image("", conf, "FROM ${IMAGE_PARENT}\n# on ${IMAGE_PARENT}\n");
        let from = converted.template.lines().next().unwrap().to_owned();
        assert!(converted.template.ends_with(&format!("\n{}\n", from.replace("FROM", "# on"))));
        (from, told(&converted))
    };
    let said = |from: &str, notes: &[&str]| {
        (from.to_owned(), notes.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(from(""), said("FROM scratch", &[]));
    assert_eq!(from("#IMAGE_PARENT=x/y\nIMAGE_PARENT=scratch\n"), said("FROM scratch", &[]));
    assert_eq!(from("IMAGE_PARENT=\"${NAMESPACE}/a\"\n"), said("FROM ${NAMESPACE}/a", &[]));
    assert_eq!(from("IMAGE_PARENT=mine/a\n"), said("FROM ${NAMESPACE}/a", &[]));
    let differs = "differs build.conf:1 the parent `kubler/glibc` is another namespace's";
    assert_eq!(from("IMAGE_PARENT='kubler/glibc'\n"), said("FROM ${NAMESPACE}/glibc", &[differs]));
    let hand = "hand build.conf:1 the parent `other/a` is another namespace's";
    assert_eq!(from("IMAGE_PARENT=other/a\n"), said("FROM other/a", &[hand]));
    assert_eq!(
        from("IMAGE_PARENT=$(x)\n"),
        said("FROM scratch", &["hand build.conf:1 IMAGE_PARENT"])
    );
}

#[test]
fn variables_of_build_conf_reach_both_files() {
    let conf = "BOB_SLOT='7.1'\nBOB_NAME=\"x ${BOB_SLOT}\"\nBOB_UNSURE=$(date)\n";
    let script = "#!/bin/bash\n# why\n\n_slot=\"${BOB_SLOT}\" name=$BOB_NAME NAME=1 colour=${BOB_COLOUR:-blue}\n";
    let template =
        "FROM scratch\nENV A=${BOB_SLOT} B=${BOB_COLOUR} C=${BOB_NONE} D=${PATH} E=${IMAGE_TAG}\n";
    let converted = image(script, conf, template);
    assert_eq!(
        converted.buildconfig,
        "#!/bin/bash\n# why\nCOLOUR='red' # of build.conf\nKUBLER_NAME='x 7.1' # of build.conf\n\
         SLOT='7.1' # of build.conf\n\n_slot=\"${SLOT}\" name=$KUBLER_NAME NAME=1 colour=${COLOUR:-blue}\n"
    );
    assert_eq!(
        converted.template,
        "FROM scratch\nENV A=7.1 B=red C=${BOB_NONE} D=${PATH} E=${TAG}\n"
    );
    assert_eq!(
        told(&converted),
        ["hand Dockerfile.template:2 ${BOB_NONE}", "hand build.conf:3 BOB_UNSURE"]
    );
}

#[test]
fn settings_are_told_where_they_mean_nothing() {
    let conf = "BUILDER=\"${NAMESPACE}/bob-musl\"\nBUILDER_CAPS_SYS_PTRACE=true\nPOST_BUILD_HC=true\n\
                POST_BUILD_HC_MAX_DURATION=60\nPOST_BUILD_HC_INTERVAL=1\nBUILDER_MOUNTS=(\"a:b\")\nBOB_CFLAGS=-O3\n";
    let converted = image("", conf, "FROM scratch\n");
    assert_eq!(
        told(&converted),
        [
            "hand build.conf:1 BUILDER",
            "differs build.conf:5 POST_BUILD_HC_INTERVAL",
            "hand build.conf:6 BUILDER_MOUNTS",
            "hand build.conf:7 BOB_CFLAGS",
        ]
    );
    let settings = converted.settings.unwrap();
    assert!(settings.ends_with("[test]\ntimeout = 63\n"), "{settings}");
    assert!(image("", "BUILDER=kubler/bob\n", "FROM scratch\n").notes.is_empty());
}

#[test]
fn the_dockerfile() {
    let template = "FROM ${IMAGE_PARENT}\nLABEL maintainer ${MAINTAINER}\nADD rootfs.tar /\nCOPY --from=mine/a /x /y\n\
                    COPY --from=other/a /x /y\nARG DATE\nRUN a && \\\n  curl x\nRUN echo ${DATE}\n# curl\nCMD [\"curl\"]\n";
    let converted = image("", "", template);
    let wanted = template
        .replace("${IMAGE_PARENT}", "scratch")
        .replace("mine/a", "${NAMESPACE}/a")
        .replace("${DATE}", "${DATE:-}");
    assert_eq!(converted.template, wanted);
    assert_eq!(
        told(&converted),
        ["hand Dockerfile.template:7 RUN … curl", "differs Dockerfile.template:9 ${DATE}"]
    );
    // What is none is told by the plan.
    assert_eq!(image("", "", "FROM\n\u{1}").template, "FROM\n\u{1}");
}

#[test]
fn a_test_is_told_what_is_another() {
    let files = BTreeSet::new();
    let test = |text: &str| {
        let image = Image {
            script: None,
            conf: None,
            template: named("Dockerfile.template", "FROM ${IMAGE_PARENT}\n"),
            test: Some(named("build-test.sh", text)),
            files: &files,
        };
        let converted = convert(&image, &namespace());
        assert_eq!(converted.buildconfig, "# Nothing of this image comes from Portage.\n");
        told(&converted)
    };
    let runs = "differs build-test.sh runs in the started image";
    assert_eq!(test("#!/usr/bin/env sh\nset -eo pipefail\ntrue\n"), [runs]);
    assert_eq!(
        test("#!/bin/bash\n# /kubler-test\ncat /kubler-test/x\n"),
        [runs, "hand build-test.sh:1 #!/bin/bash", "hand build-test.sh:3 /kubler-test"]
    );
}

#[test]
fn a_script_that_does_not_end_is_left_as_it_is() {
    let text = "_packages=\"a\n";
    let converted = image(text, "A='", "FROM ${IMAGE_PARENT}\n");
    assert_eq!(converted.buildconfig, text);
    let what = "a quote, bracket or here-document does not end";
    assert_eq!(
        told(&converted),
        [format!("hand build.conf {what}"), format!("hand build.sh {what}")]
    );
}

#[test]
fn what_bb_would_refuse_is_told() {
    let converted = image("_packages=a\r\n", "", "FROM scratch\n");
    assert_eq!(converted.notes.len(), 1);
    assert!(converted.notes[0].what.starts_with("a line ends as on Windows"));
    assert_eq!(converted.notes[0].place(), "Buildconfig.sh:1");
}

#[test]
fn a_namespace_is_settings() {
    let conf = "AUTHOR=\"A \\\"B\\\" <a@b.c>\"\nIMAGE_TAG='20190123'\nDEFAULT_BUILDER=kubler/bob\nBOB_CFLAGS=-O3\n";
    let (values, notes) = read_namespace(named("kubler.conf", conf));
    assert_eq!(notes.len(), 1);
    let namespace = Namespace { name: "mine".to_owned(), values, ..Namespace::default() };
    assert_eq!(
        project_settings(&namespace),
        ["namespace = \"mine\"", "maintainer = \"A \\\"B\\\" <a@b.c>\"", "tag = \"20190123\""]
    );
}

/// Whatever is read, nothing fails, and a dock.toml is one.
#[test]
fn any_text_is_converted() {
    let words = [
        "_packages=",
        "\"",
        "'",
        "$(",
        ")",
        "${",
        "}",
        "`",
        "\n",
        "configure_builder() {",
        "emerge ",
        "a/b ",
        "-1 ",
        "download_file ",
        "http://h/x",
        "\\",
        "é",
        "\u{0}",
        "/config/",
        "etc/",
        "# ",
        "<<X",
        "X\n",
        "function ",
        "() {\n",
        "_LIB",
        "ROOT=",
        "BOB_COLOUR",
        ";",
        "&&",
        "FROM ",
        "RUN ",
        "${IMAGE_PARENT}",
        "\u{7f}",
    ];
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..20_000 {
        let mut text = || {
            (0..random.usize(..14)).map(|_| words[random.usize(..words.len())]).collect::<String>()
        };
        let (script, conf, template) = (text(), text(), text());
        let converted = image(&script, &conf, &template);
        if let Some(settings) = converted.settings {
            crate::dock::settings::parse(std::path::Path::new("dock.toml"), &settings).unwrap();
        }
    }
}

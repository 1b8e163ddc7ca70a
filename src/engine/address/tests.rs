//! Who chooses the engine, and that nobody else does then.

use super::*;

/// Docker's settings in a folder of the test's own.
struct Client(tempfile::TempDir);

impl Client {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.0.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn context(&self, name: &str, endpoint: &str) {
        let id = hex(&Sha256::digest(name));
        let text = format!(r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{endpoint}}}"#);
        self.write(&format!("contexts/meta/{id}/meta.json"), &text);
    }

    fn tls(&self, name: &str, files: &[&str]) -> PathBuf {
        let folder = format!("contexts/tls/{}/docker", hex(&Sha256::digest(name)));
        for file in files {
            self.write(&format!("{folder}/{file}"), "PEM");
        }
        self.0.path().join(folder)
    }

    fn find(&self, variables: &[(&str, &str)]) -> Result<(Vec<Address>, Source)> {
        let own = ("DOCKER_CONFIG", self.0.path().to_str().unwrap());
        let all = variables.iter().copied().chain([own]);
        addresses(&all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    #[track_caller]
    fn refuses(&self, variables: &[(&str, &str)], message: &str) {
        let error = self.find(variables).unwrap_err();
        assert_eq!((error.exit(), error.message()), (crate::base::error::Exit::Engine, message));
    }
}

fn docker(host: &str) -> String {
    format!(r#"{{"docker":{{"Host":"{host}","SkipTLSVerify":false}}}}"#)
}

#[test]
fn the_variable_is_before_a_context_and_a_context_before_the_sockets() {
    let client = Client::new();
    let (sockets, source) = client.find(&[]).unwrap();
    let names = sockets.iter().map(|address| address.host.as_str()).collect::<Vec<_>>();
    assert_eq!(names, ["unix:///var/run/docker.sock", "unix:///run/podman/podman.sock"]);
    assert_eq!(source, Source::Default);

    client.context("far", &docker("tcp://10.0.0.9:2375"));
    client.write("config.json", r#"{"currentContext":"far"}"#);
    let far = Address { context: Some("far".to_owned()), ..Address::at("tcp://10.0.0.9:2375") };
    assert_eq!(client.find(&[]).unwrap(), (vec![far.clone()], Source::Context));
    assert_eq!(client.find(&[("DOCKER_CONTEXT", "")]).unwrap().0, [far]);
    assert_eq!(client.find(&[("DOCKER_CONTEXT", "default")]).unwrap().1, Source::Default);
    let (one, source) = client.find(&[("DOCKER_HOST", "ssh://me@there")]).unwrap();
    assert_eq!(
        (one, source),
        (vec![Address::at("ssh://me@there")], Source::Variable("DOCKER_HOST"))
    );
}

#[test]
fn a_context_that_cannot_be_used_is_refused_by_name() {
    let client = Client::new();
    client.refuses(&[("DOCKER_CONTEXT", "gone")], "docker's context `gone` is not there");
    client.context("k8s", r#"{"kubernetes":{"Host":"https://x"}}"#);
    client.refuses(&[("DOCKER_CONTEXT", "k8s")], "docker's context `k8s` is no engine's");
    client.context("empty", &docker(""));
    client.refuses(&[("DOCKER_CONTEXT", "empty")], "docker's context `empty` names no address");
    client.context("bad", "[");
    client.refuses(&[("DOCKER_CONTEXT", "bad")], "docker's context `bad` cannot be used");
    client.context("lax", r#"{"docker":{"Host":"tcp://x:2376","SkipTLSVerify":true}}"#);
    let message = "docker's context `lax` wants no proof of who its engine is (`SkipTLSVerify`)";
    client.refuses(&[("DOCKER_CONTEXT", "lax")], message);
    client.write("config.json", "{");
    let file = client.0.path().join("config.json");
    let message = format!("cannot read `{}`: malformed at line 1", file.display());
    client.refuses(&[], &message);
}

#[test]
fn tls_is_never_given_up_for_clear_text() {
    let client = Client::new();
    let wanted = ("DOCKER_TLS_VERIFY", "1");
    let (tcp, http) = (("DOCKER_HOST", "tcp://x:2375"), ("DOCKER_HOST", "http://x:2375"));
    let ca = client.0.path().join("ca.pem");
    let missing = format!("DOCKER_TLS_VERIFY is set, but there is no `{}`", ca.display());
    client.refuses(&[wanted, tcp], &missing);
    client.refuses(&[wanted], &missing);
    client
        .refuses(&[wanted, http], "DOCKER_TLS_VERIFY is set, but `http://x:2375` is in clear text");
    let lax = "`DOCKER_TLS` wants no proof of who the engine is";
    client.refuses(&[("DOCKER_TLS", "1"), tcp], lax);
    client.write("ca.pem", "PEM");
    let tls = Tls { ca: Some(ca), client: None };
    assert_eq!(client.find(&[wanted, tcp]).unwrap().0[0].tls, Some(tls));
    assert_eq!(client.find(&[wanted]).unwrap().0[0].host, "tcp://localhost:2376");
    assert_eq!(client.find(&[wanted, ("DOCKER_HOST", "unix:///x")]).unwrap().0[0].tls, None);

    client.context("plain", &docker("http://x:2375"));
    client.tls("plain", &["ca.pem"]);
    let message = "docker's context `plain` has certificates, but its address is in clear text";
    client.refuses(&[("DOCKER_CONTEXT", "plain")], message);
    client.context("half", &docker("tcp://x:2376"));
    let folder = client.tls("half", &["cert.pem"]);
    let ca = folder.join("ca.pem");
    let message = format!("docker's context `half` is of TLS, but there is no `{}`", ca.display());
    client.refuses(&[("DOCKER_CONTEXT", "half")], &message);
    client.tls("half", &["ca.pem", "key.pem"]);
    let address = client.find(&[("DOCKER_CONTEXT", "half")]).unwrap().0.remove(0);
    let client = Some((folder.join("cert.pem"), folder.join("key.pem")));
    assert_eq!(address.tls, Some(Tls { ca: Some(ca), client }));
    let environment = address.environment().into_iter().map(|(name, _)| name);
    let names = ["DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"];
    assert_eq!(environment.collect::<Vec<_>>(), names);
}

#[test]
fn settings_that_are_no_file_are_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("config.json");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    assert!(json::<serde_json::Value>(&pipe).is_err());
    assert!(credentials::kept(&pipe, "").is_err());
    assert!(credentials::of(Some(folder.path()), None).is_err());
}

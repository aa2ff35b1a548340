//! TLS: the right authority and the right name, or no connection.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use acquit::embedded::Cluster;
use acquit::store::{Store, Target};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, KeyPair};

use crate::support;

struct Authority {
    certificate: Certificate,
    key: KeyPair,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut parameters = CertificateParams::new(Vec::new()).expect("parameters");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = parameters.self_signed(&key).expect("a certificate");
        Self { certificate, key }
    }

    fn write(&self, directory: &Path, name: &str) -> PathBuf {
        let path = directory.join(name);
        std::fs::write(&path, self.certificate.pem()).expect("a file");
        path
    }
}

/// A file of the account that runs the server.
fn write_for(cluster: &Cluster, name: &str, text: &str) {
    let directory = cluster.data().join("cluster");
    let owner = std::fs::metadata(&directory).expect("the cluster");
    let path = directory.join(name);
    std::fs::write(&path, text).expect("a file");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("a mode");
    chown(&path, Some(owner.uid()), Some(owner.gid())).expect("an owner");
}

/// A port that is free now.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[tokio::test]
async fn only_a_proven_server_is_talked_to() {
    let directory = support::directory();
    let cluster = Cluster::locate(Some(&directory.path().join("data"))).expect("binaries");
    let authority = Authority::new();
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .expect("parameters")
        .signed_by(&key, &authority.certificate, &authority.key)
        .expect("a certificate");
    let port = free_port();
    {
        let _lease = cluster.start().expect("a running server");
        write_for(&cluster, "server.crt", &certificate.pem());
        write_for(&cluster, "server.key", &key.serialize_pem());
        let admin = support::client(&cluster.url()).await;
        for setting in [
            "listen_addresses = '127.0.0.1'".to_owned(),
            format!("port = {port}"),
            "ssl = on".to_owned(),
        ] {
            let statement = format!("alter system set {setting}");
            admin.batch_execute(&statement).await.expect("a setting");
        }
    }
    let _lease = cluster.start().expect("a running server");
    let right = authority.write(directory.path(), "right.pem");
    let wrong = Authority::new().write(directory.path(), "wrong.pem");
    let missing = directory.path().join("missing.pem");

    // The same through the URL and through PGSSLROOTCERT.
    let url = |host: &str| format!("postgresql://acquit@{host}:{port}/acquit?sslmode=require");
    let by_url = format!("{}&sslrootcert={}", url("localhost"), right.display());
    for target in [
        Target::url(by_url),
        Target::url(url("localhost")).roots(Some(right.clone())),
    ] {
        let store = Store::open(&target).await.expect("a store");
        let session = store.session().await.expect("a session");
        let pid: i32 = session
            .query_one("select pg_backend_pid()", &[])
            .await
            .expect("a row")
            .get(0);
        let login = target.connect().await.expect("a session of the login");
        let row = login
            .query_one("select ssl from pg_stat_ssl where pid = $1", &[&pid])
            .await
            .expect("a row");
        assert!(row.get::<_, bool>(0));
    }

    for (host, roots, reason) in [
        ("localhost", Some(&wrong), "certificate"),
        ("127.0.0.1", Some(&right), "certificate"),
        ("localhost", None, "certificate"),
        ("localhost", Some(&missing), "cannot read the root certificates"),
    ] {
        let target = Target::url(url(host)).roots(roots.cloned());
        let error = target.connect().await.expect_err(host);
        assert!(error.to_string().contains(reason), "{host} {roots:?}: {error}");
        assert!(error.hint().is_some());
    }
}

#[tokio::test]
async fn a_server_without_tls_gets_nothing_more_than_the_question() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut request = [0_u8; 8];
        stream.read_exact(&mut request).expect("a request");
        stream.write_all(b"N").expect("an answer");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("the end");
        (request, rest)
    });
    let directory = support::directory();
    let roots = Authority::new().write(directory.path(), "ca.pem");
    let target = Target::url(format!("postgresql://me:hunter2@localhost:{port}/x?sslmode=require")).roots(Some(roots));
    let error = target.connect().await.expect_err("no TLS");
    assert!(error.to_string().contains("does not support TLS"), "{error}");
    let (request, rest) = server.join().expect("the server");
    assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47], "an SSLRequest");
    assert!(rest.is_empty(), "{rest:?}");
}

//! TLS in front of a server that speaks none, with certificates of private authorities.

use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer},
    },
};

use super::http::RUNTIME;

/// A private authority. All of them have the same name: only their keys tell them apart.
#[derive(Debug)]
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as a server presents it.
#[derive(Debug)]
pub(crate) struct Certificate {
    chain: CertificateDer<'static>,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Private authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate, as `ca_file` wants it.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn certificate(&self) -> Certificate {
        self.sign(&CertificateParams::new(["127.0.0.1".to_owned()]).unwrap())
    }

    pub(crate) fn certificate_for(&self, name: &str) -> Certificate {
        self.sign(&CertificateParams::new([name.to_owned()]).unwrap())
    }

    /// One that was good until the last day of 2001.
    pub(crate) fn expired_certificate(&self) -> Certificate {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.not_after = date_time_ymd(2001, 12, 31);
        self.sign(&params)
    }

    /// Its own, which is not for servers: what `openssl req -x509` makes is often used as both.
    pub(crate) fn as_certificate(&self) -> Certificate {
        let key = KeyPair::try_from(self.0.key().serialize_der()).unwrap();
        Certificate { chain: self.0.der().clone(), key }
    }

    fn sign(&self, params: &CertificateParams) -> Certificate {
        let key = KeyPair::generate().unwrap();
        Certificate { chain: params.signed_by(&key, &self.0).unwrap().into(), key }
    }
}

/// Terminates TLS and passes on what it hears.
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) origin: String,
    inner: Arc<Mutex<Inner>>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Inner {
    presented: Arc<ServerConfig>,
    accepted: usize,
    open: JoinSet<()>,
}

impl Tls {
    /// In front of the server of this origin.
    pub(crate) fn before(origin: &str, certificate: &Certificate) -> Self {
        let server = origin.strip_prefix("http://").expect("a server without TLS").to_owned();
        let listener = RUNTIME.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let origin = format!("https://{}", listener.local_addr().unwrap());
        let presented = presenting(certificate);
        let inner = Arc::new(Mutex::new(Inner { presented, accepted: 0, open: JoinSet::new() }));
        let task = RUNTIME.spawn(serve(listener, server, Arc::clone(&inner)));
        Self { origin, inner, task }
    }

    /// Presents another certificate from now on, and closes every connection.
    pub(crate) fn present(&self, certificate: &Certificate) {
        let mut inner = self.inner.lock().unwrap();
        inner.presented = presenting(certificate);
        inner.open.abort_all();
    }

    pub(crate) fn connections(&self) -> usize {
        self.inner.lock().unwrap().accepted
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn presenting(certificate: &Certificate) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::try_from(certificate.key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.chain.clone()], key);
    Arc::new(config.unwrap())
}

async fn serve(listener: TcpListener, server: String, inner: Arc<Mutex<Inner>>) {
    loop {
        let (stream, _) = listener.accept().await.expect("it accepts");
        let mut inner = inner.lock().unwrap();
        inner.accepted += 1;
        let presented = Arc::clone(&inner.presented);
        inner.open.spawn(pass_on(stream, TlsAcceptor::from(presented), server.clone()));
    }
}

async fn pass_on(stream: TcpStream, acceptor: TlsAcceptor, server: String) {
    // A client that does not trust the certificate hangs up, and then there is nothing to pass on.
    let Ok(mut trusting) = acceptor.accept(stream).await else { return };
    let Ok(mut plain) = TcpStream::connect(&server).await else { return };
    let _ended = copy_bidirectional(&mut trusting, &mut plain).await;
}

//! A call to a hub: the line, TLS over it, HTTP/2 over that; and what is wrong when none comes about.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use huiliu_proto::{joining, joining::Reason, shown, union::UnionNumber};
use hyper_util::rt::TokioIo;
use rustls::{AlertDescription, CertificateError, ClientConfig, pki_types::ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tonic::{
    Status,
    transport::{Channel, Endpoint, Uri},
};

use super::{exchange::LONGEST_PAUSE, line::Dial};
use crate::identity::{certificates, tls};

/// Time limit of the handshakes of TLS and HTTP/2.
const GREETING: Duration = Duration::from_secs(10);

/// What is wrong with a line to a hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// No answer, or the connection was cut.
    Line(String),
    /// What answered is not TLS of today: a page that asks for a login, an old proxy.
    NotTls(String),
    /// It showed a certificate that is not of this network, or not the hub's: something between opens the encryption.
    Intercepted(String),
    /// A hub of this network answered, but not the one this machine joined: another machine in its place, or a hub that
    /// makes itself out to be it.
    OtherHub,
    /// The hub's certificate does not hold by this machine's clock.
    TheirDates(String),
    /// The hub says that this machine's certificate does not hold by its clock.
    OurDates,
    /// The hub refused this machine during the handshake.
    Turned(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Line(cause) => f.write_str(cause),
            Trouble::NotTls(cause) => write!(f, "what answers does not speak TLS as a hub does ({cause})"),
            Trouble::Intercepted(cause) => write!(f, "something between here and the hub intercepts TLS ({cause})"),
            Trouble::OtherHub => f.write_str("another hub of this network answers than the one this machine joined"),
            Trouble::TheirDates(cause) => {
                write!(f, "by this machine's clock the hub's certificate does not hold ({cause})")
            }
            Trouble::OurDates => f.write_str("by the hub's clock this machine's certificate does not hold"),
            Trouble::Turned(cause) => write!(f, "the hub turned this machine away ({cause})"),
        }
    }
}

impl Trouble {
    fn of_tls(error: &rustls::Error) -> Trouble {
        use rustls::Error;
        // It may quote the certificate.
        let cause = shown::said(&error.to_string());
        match error {
            Error::InvalidCertificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            ) => Trouble::TheirDates(cause),
            Error::InvalidCertificate(CertificateError::Other(other)) if other.0.is::<tls::OtherAuthority>() => {
                Trouble::OtherHub
            }
            Error::InvalidCertificate(_) | Error::NoCertificatesPresented => Trouble::Intercepted(cause),
            Error::AlertReceived(AlertDescription::CertificateExpired) => Trouble::OurDates,
            Error::AlertReceived(
                AlertDescription::ProtocolVersion
                | AlertDescription::HandshakeFailure
                | AlertDescription::NoApplicationProtocol
                | AlertDescription::InsufficientSecurity,
            )
            | Error::InvalidMessage(_)
            | Error::InappropriateMessage { .. }
            | Error::InappropriateHandshakeMessage { .. }
            | Error::PeerIncompatible(_)
            | Error::NoApplicationProtocol => Trouble::NotTls(cause),
            _ => Trouble::Turned(cause),
        }
    }

    fn of_io(error: &io::Error) -> Trouble {
        match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
            Some(error) => Trouble::of_tls(error),
            None => Trouble::Line(error.to_string()),
        }
    }
}

/// Keeps an error of the connection: the layers above it pass on less.
#[derive(Clone, Default)]
pub struct Overheard(Arc<Mutex<Option<Trouble>>>);

impl Overheard {
    fn note(&self, error: &io::Error) {
        if let Ok(mut heard) = self.0.lock() {
            heard.get_or_insert_with(|| Trouble::of_io(error));
        }
    }

    /// The first error of TLS; one of the connection only if there is no other.
    pub fn trouble(&self) -> Option<Trouble> {
        self.0.lock().ok().and_then(|heard| heard.clone())
    }
}

/// A line that remembers what went wrong on it.
struct Heard<S>(S, Overheard);

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.0).poll_read(cx, buffer);
        if let Poll::Ready(Err(error)) = &polled {
            self.1.note(error);
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Calls the hub of a union. What goes wrong later, while the channel is used, is overheard.
pub async fn connect(
    dial: &Dial,
    address: &str,
    hub: UnionNumber,
    config: Arc<ClientConfig>,
) -> Result<(Channel, Overheard), Trouble> {
    let name = ServerName::try_from(certificates::hub_name(hub));
    let name = name.map_err(|_| Trouble::Line("no such name".into()))?;
    let overheard = Overheard::default();
    let (dial, target, heard) = (Arc::clone(dial), address.to_owned(), overheard.clone());
    let connector = tower::service_fn(move |_: Uri| {
        let (dial, target, heard) = (Arc::clone(&dial), target.clone(), heard.clone());
        let (connector, name) = (TlsConnector::from(Arc::clone(&config)), name.clone());
        async move {
            let shake = async {
                let stream = connector.connect(name, dial(target).await?).await?;
                if stream.get_ref().1.alpn_protocol() != Some(tls::ALPN) {
                    return Err(io::Error::other(rustls::Error::NoApplicationProtocol));
                }
                Ok(stream)
            };
            let stream = shake.await.inspect_err(|error| heard.note(error))?;
            Ok::<_, io::Error>(TokioIo::new(Heard(stream, heard)))
        }
    });
    let endpoint = Endpoint::from_static("http://hub")
        .connect_timeout(GREETING)
        .http2_keep_alive_interval(Duration::from_secs(15))
        .keep_alive_timeout(Duration::from_secs(10))
        .keep_alive_while_idle(true)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(2 << 20);
    match tokio::time::timeout(GREETING, endpoint.connect_with_connector(connector)).await {
        Ok(Ok(channel)) => Ok((channel, overheard)),
        Ok(Err(error)) => Err(overheard.trouble().unwrap_or_else(|| Trouble::Line(chain(&error)))),
        Err(_) => Err(Trouble::Line("no answer in time".into())),
    }
}

/// Why a hub declined: its word, its sentence, and how long to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declined {
    pub reason: Option<Reason>,
    pub sentence: String,
    pub retry_after: u32,
}

impl Declined {
    /// `None` where it was not the hub that spoke, but the line that broke.
    pub fn read(status: &Status) -> Option<Declined> {
        let word = |key: &str| status.metadata().get(key).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let reason = word(joining::REASON).and_then(|word| Reason::from_word(&word));
        // An error of tonic itself has a source; what a hub says has none.
        if reason.is_none() && std::error::Error::source(status).is_some() {
            return None;
        }
        let retry_after = word(joining::RETRY_AFTER).and_then(|seconds| seconds.parse().ok()).unwrap_or(0);
        let (sentence, retry_after) = (shown::said(status.message()), LONGEST_PAUSE.min(retry_after));
        Some(Declined { reason, sentence, retry_after })
    }
}

/// An error with its causes: the last says most.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |e| e.source());
    shown::said(&causes.last().map_or_else(|| error.to_string(), ToString::to_string))
}

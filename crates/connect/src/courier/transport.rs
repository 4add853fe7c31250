//! A connection for mail that the egress guard permits, encrypted as the settings say.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ferrovia_runtime::notify::Undelivered;
use lettre::transport::smtp::client::AsyncTokioStream;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::mail::{Encryption, Smtp};
use crate::client::{DialError, GuardedClient};

/// Lines of an answer before encryption, and bytes of each.
const LINES_MAX: usize = 64;
/// What a server would have said had the connection been encrypted from the start.
const GREETING: &[u8] = b"220 ready\r\n";

#[derive(Debug)]
enum Stream {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

/// A connection on which a mail server greets.
#[derive(Debug)]
pub(super) struct Transport {
    stream: Stream,
    peer: SocketAddr,
    /// To be read before what comes.
    ahead: &'static [u8],
}

pub(super) async fn connect(
    client: &GuardedClient,
    smtp: &Smtp,
    hello: &str,
) -> Result<Transport, Undelivered> {
    let dialed = client.dial(&smtp.host, smtp.port).await;
    let stream = dialed.map_err(|error| match error {
        DialError::Refused(refused) => Undelivered::Never(refused.to_string()),
        DialError::Unreachable(_) => Undelivered::Later(error.to_string()),
    })?;
    let broken = |error: io::Error| Undelivered::Later(format!("{}: {error}", smtp.host));
    let peer = stream.peer_addr().map_err(broken)?;
    let (stream, ahead) = match smtp.encryption {
        Encryption::None => (Stream::Plain(stream), &[][..]),
        Encryption::Tls => (secure(client, smtp, stream).await?, &[][..]),
        Encryption::StartTls => {
            let stream = start_tls(stream, hello).await.map_err(broken)?;
            (secure(client, smtp, stream).await?, GREETING)
        }
    };
    Ok(Transport {
        stream,
        peer,
        ahead,
    })
}

async fn secure(
    client: &GuardedClient,
    smtp: &Smtp,
    stream: TcpStream,
) -> Result<Stream, Undelivered> {
    let never = |why: String| Undelivered::Never(why);
    let config = client.tls().map_err(|error| never(error.to_string()))?;
    let name = ServerName::try_from(smtp.host.clone());
    let name = name.map_err(|error| never(error.to_string()))?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let stream = stream.await.map_err(|error| {
        Undelivered::Later(format!("no secure connection to {}: {error}", smtp.host))
    })?;
    Ok(Stream::Secure(stream.into()))
}

/// Asks for encryption. What a server says after it agreed would not be protected, so nothing may.
async fn start_tls(stream: TcpStream, hello: &str) -> io::Result<TcpStream> {
    let mut stream = BufReader::new(stream);
    answer(&mut stream, "220").await?;
    let said = format!("EHLO {hello}\r\n");
    stream.write_all(said.as_bytes()).await?;
    answer(&mut stream, "250").await?;
    stream.write_all(b"STARTTLS\r\n").await?;
    answer(&mut stream, "220").await?;
    if !stream.buffer().is_empty() {
        return Err(io::Error::other("the server speaks out of turn"));
    }
    Ok(stream.into_inner())
}

async fn answer(stream: &mut BufReader<TcpStream>, code: &str) -> io::Result<()> {
    for _ in 0..LINES_MAX {
        let mut line = String::new();
        let mut limited = tokio::io::AsyncReadExt::take(&mut *stream, 1_024);
        if limited.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !line.starts_with(code) {
            return Err(io::Error::other("the server does not offer encryption"));
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(());
        }
    }
    Err(io::Error::other("the server says too much"))
}

impl AsyncTokioStream for Transport {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let count = self.ahead.len().min(buffer.remaining());
            let (now, later) = self.ahead.split_at(count);
            buffer.put_slice(now);
            self.ahead = later;
            return Poll::Ready(Ok(()));
        }
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Secure(stream) => Pin::new(&mut **stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Secure(stream) => Pin::new(&mut **stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Secure(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Secure(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}

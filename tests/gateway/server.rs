//! A small HTTP/1.1 server for what stands around the gateway. One thread a connection; loopback only.

use super::client::{self, Message};
use std::{
    io::{BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// What is answered.
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    /// The value of `x-session-risk-signal`, if the application reports its client.
    pub report: Option<String>,
    pub body: String,
}

/// Answers on a free port until it is dropped.
pub struct Server {
    port: u16,
    ended: Arc<AtomicBool>,
}

impl Server {
    pub fn start(answer: impl Fn(Message) -> Answer + Send + Sync + 'static) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let (answer, ended) = (Arc::new(answer), Arc::new(AtomicBool::new(false)));
        let end = Arc::clone(&ended);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                let answer = Arc::clone(&answer);
                std::thread::spawn(move || serve(connection, &*answer));
            }
        });
        Ok(Self { port, ended })
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the listener, which then ends.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// Answers the requests of one connection until it ends.
fn serve(connection: TcpStream, answer: &dyn Fn(Message) -> Answer) {
    drop(connection.set_nodelay(true));
    let mut connection = BufReader::new(connection);
    while let Ok(message) = client::read_message(&mut connection, false) {
        let bodiless = message.start.starts_with("HEAD ");
        let Answer { status, content_type, report, body } = answer(message);
        let report = report.map(|word| format!("x-session-risk-signal: {word}\r\n")).unwrap_or_default();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} Status\r\ncontent-type: {content_type}\r\n{report}content-length: {length}\r\n\r\n"
        );
        let body = if bodiless { "" } else { &body };
        if connection.get_mut().write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

//! An HTTP/1.1 client that sends exactly what it is told: raw bytes and repeated headers included.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_bytes().to_vec(), value.as_ref().to_vec()));
        self
    }

    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A kept-alive connection to one port of this machine.
pub struct Client {
    port: u16,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    pub fn new(port: u16) -> Self {
        Self { port, connection: None }
    }

    /// Sends a request and reads the whole reply. A connection that the peer has closed meanwhile is opened again once.
    pub fn send(&mut self, request: &Request) -> std::io::Result<Reply> {
        let reused = self.connection.is_some();
        match self.exchange(request) {
            Err(error) if reused && error.kind() != std::io::ErrorKind::WouldBlock => {
                self.connection = None;
                self.exchange(request)
            }
            other => other,
        }
    }

    fn exchange(&mut self, request: &Request) -> std::io::Result<Reply> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(("127.0.0.1", self.port))?;
                stream.set_read_timeout(Some(Duration::from_secs(20)))?;
                stream.set_nodelay(true)?;
                BufReader::new(stream)
            }
        };
        connection.get_mut().write_all(&serialised(request))?;
        let reply = read(&mut connection, request.method == "HEAD")?;
        if reply.header("connection") != Some("close") {
            self.connection = Some(connection);
        }
        Ok(reply)
    }
}

fn serialised(request: &Request) -> Vec<u8> {
    let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method, request.path).into_bytes();
    let mut header = |name: &[u8], value: &[u8]| {
        for part in [name, b": ", value, b"\r\n"] {
            bytes.extend(part);
        }
    };
    let host = request.headers.iter().find(|(name, _)| name == b":authority");
    header(b"host", host.map_or(b"app.test", |(_, value)| value));
    for (name, value) in request.headers.iter().filter(|(name, _)| !name.starts_with(b":")) {
        header(name, value);
    }
    if !request.body.is_empty() || matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") {
        header(b"content-length", request.body.len().to_string().as_bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(&request.body);
    bytes
}

/// An HTTP/1.1 message, request or reply.
pub struct Message {
    /// The first line.
    pub start: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

fn read(connection: &mut BufReader<TcpStream>, head: bool) -> std::io::Result<Reply> {
    let Message { start, headers, body } = read_message(connection, head)?;
    let status = start.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| broken("no status"))?;
    Ok(Reply { status, headers, body })
}

/// Reads one message. Header values that are no UTF-8 are read with replacement characters.
pub fn read_message(connection: &mut BufReader<TcpStream>, bodiless: bool) -> std::io::Result<Message> {
    let start = line(connection)?;
    let mut headers = Vec::new();
    while let Some((name, value)) = line(connection)?.split_once(':') {
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let value =
        |name: &str| headers.iter().find(|(other, _)| other == name).map(|(_, value): &(_, String)| value.as_str());
    let mut body = Vec::new();
    if bodiless {
    } else if let Some(length) = value("content-length").and_then(|length| length.parse().ok()) {
        body = vec![0; length];
        connection.read_exact(&mut body)?;
    } else if value("transfer-encoding") == Some("chunked") {
        loop {
            let size = usize::from_str_radix(&line(connection)?, 16).map_err(|_| broken("bad chunk"))?;
            let filled = body.len();
            body.resize(filled + size, 0);
            connection.read_exact(&mut body[filled..])?;
            line(connection)?;
            if size == 0 {
                break;
            }
        }
    }
    Ok(Message { start, headers, body })
}

/// A line without its end. The end of the connection is an error: a message is never over there.
fn line(connection: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    if connection.read_until(b'\n', &mut bytes)? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

fn broken(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned())
}

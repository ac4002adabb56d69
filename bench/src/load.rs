use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A closed loop of POSTs over keep-alive connections: each sends its next request when the last was answered.
pub struct Load {
    /// The server.
    pub address: SocketAddr,
    /// The path.
    pub path: String,
    /// Connections.
    pub connections: usize,
    /// Requests in all.
    pub count: u64,
    /// Requests a second over all connections; 0 for as fast as answers come.
    pub rate_per_s: u64,
    /// The body of a request by its number.
    pub body: Arc<dyn Fn(u64) -> String + Send + Sync>,
}

/// What came of a load.
pub struct LoadResult {
    /// From the first request to the last answer.
    pub took: Duration,
    /// Latencies in milliseconds, by answer.
    pub latencies_ms: Vec<f64>,
    /// Answers by status other than 202.
    pub refused: u64,
}

impl Load {
    /// Drives it on a thread of its own, to the end.
    pub fn run(self) -> LoadResult {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime for the load");
        runtime.block_on(self.drive())
    }

    async fn drive(self) -> LoadResult {
        let shared = Arc::new((self, AtomicU64::new(0)));
        let begin = Instant::now();
        let tasks: Vec<_> =
            (0..shared.0.connections).map(|_| tokio::spawn(connection(Arc::clone(&shared), begin))).collect();
        let (mut latencies_ms, mut refused) = (Vec::new(), 0);
        for task in tasks {
            let (mut ms, bad) = task.await.expect("a connection of the load");
            latencies_ms.append(&mut ms);
            refused += bad;
        }
        LoadResult { took: begin.elapsed(), latencies_ms, refused }
    }
}

async fn connection(shared: Arc<(Load, AtomicU64)>, begin: Instant) -> (Vec<f64>, u64) {
    let (load, next) = &*shared;
    let mut stream = TcpStream::connect(load.address).await.expect("the server accepts connections");
    stream.set_nodelay(true).expect("a socket option");
    let (mut latencies, mut refused, mut buffer) = (Vec::new(), 0, vec![0; 16 * 1024]);
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= load.count {
            return (latencies, refused);
        }
        if load.rate_per_s > 0 {
            let due = begin + Duration::from_secs_f64(number as f64 / load.rate_per_s as f64);
            tokio::time::sleep_until(due.into()).await;
        }
        let body = (load.body)(number);
        let request = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            load.path,
            load.address,
            body.len()
        );
        let sent = Instant::now();
        stream.write_all(request.as_bytes()).await.expect("the server takes the request");
        let status = read_answer(&mut stream, &mut buffer).await;
        latencies.push(sent.elapsed().as_secs_f64() * 1000.0);
        refused += u64::from(status != 202);
    }
}

/// Reads one answer with a `content-length`; its status.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> u16 {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.expect("the server answers");
        assert!(read > 0, "the server closed the connection");
        filled += read;
        let text = std::str::from_utf8(&buffer[..filled]).unwrap_or_default();
        let Some(end) = text.find("\r\n\r\n") else { continue };
        let head = &text[..end];
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        if filled >= end + 4 + length.unwrap_or(0) {
            return head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        }
    }
}

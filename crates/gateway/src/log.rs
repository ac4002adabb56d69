//! Records as lines of JSON in a file, for whoever reads logs.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::SystemTime;

use sinew_gateway_core::http1::Method;

use crate::record::{AccessRecord, AccessSink, Batch, Verdict};
use crate::table::Table;

/// Writes a line for each request. The file is opened for appending; who moves it away lets Sinew begin a new one by a
/// restart.
pub struct AccessLog {
    out: BufWriter<File>,
    line: Vec<u8>,
    failed: bool,
}

impl AccessLog {
    /// Opens the file, or makes it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self {
            out: BufWriter::with_capacity(64 * 1024, file),
            line: Vec::with_capacity(512),
            failed: false,
        })
    }

    fn write(&mut self, batch: &Batch) -> io::Result<()> {
        for record in &batch.records {
            self.line.clear();
            write_line(&mut self.line, record, &batch.table)?;
            self.out.write_all(&self.line)?;
        }
        self.out.flush()
    }
}

impl AccessSink for AccessLog {
    fn take(&mut self, batch: Batch) {
        let written = self.write(&batch);
        if let Err(error) = &written
            && !self.failed
        {
            tracing::error!(%error, "the access log cannot be written");
        }
        self.failed = written.is_err();
    }
}

/// One line. Names of routes and consumers need no escapes; paths do.
fn write_line(out: &mut Vec<u8>, record: &AccessRecord, table: &Table) -> io::Result<()> {
    let since = record.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    write!(
        out,
        "{{\"at_ms\":{},\"trace\":\"{:032x}\",\"peer\":\"{}\"",
        since.as_millis(),
        record.trace_id,
        record.peer
    )?;
    write!(out, ",\"method\":\"{}\",\"path\":", method_name(record.method))?;
    write_text(out, record.path.as_bytes());
    if let Some(route) = record.route {
        write!(out, ",\"route\":\"{}\"", table.route_label(route))?;
    }
    if let Some(consumer) = record.consumer {
        write!(out, ",\"consumer\":\"{}\"", table.consumer_name(consumer))?;
    }
    if let Some([a, b, c, d]) = record.key {
        write!(out, ",\"key\":\"{a:02x}{b:02x}{c:02x}{d:02x}\"")?;
    }
    write!(out, ",\"status\":{},\"took_us\":{}", record.status, record.took.as_micros())?;
    if let Some(took) = record.upstream_took {
        write!(out, ",\"upstream_us\":{}", took.as_micros())?;
    }
    if let Some(server) = record.endpoint {
        write!(out, ",\"server\":{server},\"attempts\":{}", record.attempts)?;
    }
    write!(out, ",\"bytes_in\":{},\"bytes_out\":{}", record.bytes_in, record.bytes_out)?;
    match record.verdict {
        Verdict::Passed => {}
        Verdict::Refused(code) => write!(out, ",\"refused\":\"{}\"", code.as_str())?,
        Verdict::Abandoned => out.extend_from_slice(b",\"abandoned\":true"),
    }
    out.extend_from_slice(b"}\n");
    Ok(())
}

fn method_name(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Patch => "PATCH",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Connect => "CONNECT",
        Method::Other => "other",
    }
}

/// A text of JSON. Bytes that are no text stand as `\u00xx`, one by one.
fn write_text(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            0x20..=0x7e => out.push(*byte),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
    }
    out.push(b'"');
}

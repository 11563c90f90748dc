//! Says what an unknown input looks like, so that its owner knows at once what he picked by mistake.

/// First bytes of formats that lie about where market data does.
const MAGICS: [(&[u8], &str); 22] = [
    (b"DBN", "Databento DBN records"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"\xd4\xc3\xb2\xa1", "a pcap packet capture"),
    (b"\xa1\xb2\xc3\xd4", "a pcap packet capture"),
    (b"\x4d\x3c\xb2\xa1", "a pcap packet capture"),
    (b"\xa1\xb2\x3c\x4d", "a pcap packet capture"),
    (b"\x0a\x0d\x0d\x0a", "a pcapng packet capture"),
    (b"\x1f\x8b", "gzip inside of the first compression"),
    (b"\x28\xb5\x2f\xfd", "zstd inside of the first compression"),
    (b"BZh", "bzip2 data (give gzip, zstd or plain)"),
    (b"\xfd7zXZ\x00", "xz data (give gzip, zstd or plain)"),
    (b"\x04\x22\x4d\x18", "lz4 data (give gzip, zstd or plain)"),
    (b"PK\x03\x04", "a zip archive (unpack it first)"),
    (b"\x7fELF", "an ELF program"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x89PNG", "a PNG image"),
    (b"%PDF", "a PDF document"),
    (b"<!DOCTYPE", "an HTML page (a download that failed?)"),
    (b"<html", "an HTML page (a download that failed?)"),
    (b"version https://git-lfs", "a Git LFS pointer (run `git lfs pull`)"),
];

/// A few words on what `head` looks like.
pub(super) fn looks_like(head: &[u8]) -> String {
    if let Some((_, what)) = MAGICS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return (*what).to_owned();
    }
    if head.get(257..262) == Some(b"ustar") {
        return "a tar archive (unpack it first)".to_owned();
    }
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or(head);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.starts_with(b"{") || line.starts_with(b"[") {
        return "JSON without the local receive time in ns and a space before it".to_owned();
    }
    let shown = &line[..line.len().min(60)];
    let is_text = !shown.is_empty() && shown.iter().all(|&b| b == b'\t' || (0x20..0x7f).contains(&b));
    if is_text {
        let text = String::from_utf8_lossy(shown);
        let kind = if shown.contains(&b',') { "comma-separated text" } else { "text" };
        return format!("{kind} that begins `{text}`");
    }
    if head.iter().all(|&byte| byte == 0) {
        return "zero bytes throughout".to_owned();
    }
    let hex: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("binary data that begins {}", hex.join(" "))
}

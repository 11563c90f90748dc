//! Opening and reading inputs: compression and format by content, every way in which a file can be bad, pipes that close.
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use std::io::{Cursor, Read, Write};
use tagring_market::input::{Compression, Format, Input, InputError};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn capture() -> Vec<u8> {
    (0..20_000).flat_map(|n| format!("{n} {{\"e\":\"trade\",\"t\":{}}}\n", n * 7919 % 10_007).into_bytes()).collect()
}

fn read(mut input: Input) -> (Vec<u8>, Result<(), InputError>) {
    let mut all = Vec::new();
    loop {
        assert_eq!(input.offset(), all.len() as u64);
        all.extend_from_slice(input.block());
        match input.advance() {
            Ok(true) => {}
            Ok(false) => return (all, Ok(())),
            Err(error) => return (all, Err(error)),
        }
    }
}

fn reader(bytes: &[u8]) -> Box<dyn Read + Send> {
    Box::new(Cursor::new(bytes.to_vec()))
}

fn open(bytes: &[u8], block_bytes: usize, pipe: bool) -> Result<Input, InputError> {
    Input::with_block_bytes("it", reader(bytes), block_bytes, pipe)
}

#[test]
fn plain_gzip_and_zstd_are_told_by_content_and_give_the_same_bytes() {
    let plain = capture();
    let half = plain.len() / 2;
    let two_members = [gzip(&plain[..half]), gzip(&plain[half..])].concat();
    let two_frames = [zst(&plain[..half]), zst(&plain[half..])].concat();
    let cases = [
        (plain.clone(), Compression::None),
        (gzip(&plain), Compression::Gzip),
        (two_members, Compression::Gzip),
        (zst(&plain), Compression::Zstd),
        (two_frames, Compression::Zstd),
    ];
    for (bytes, compression) in cases {
        for (block_bytes, pipe) in [(1 << 20, false), (1000, false), (1 << 20, true), (1000, true)] {
            let input = open(&bytes, block_bytes, pipe).unwrap();
            assert_eq!((input.compression(), input.format().unwrap()), (compression, Some(Format::Binance)));
            let (all, end) = read(input);
            assert!(end.is_ok() && all == plain, "{compression:?} {block_bytes} {pipe}");
        }
    }
}

#[test]
fn truncated_data_is_told_after_all_that_came_before_it() {
    let plain = capture();
    for (bytes, compression) in [(gzip(&plain), Compression::Gzip), (zst(&plain), Compression::Zstd)] {
        let cut = &bytes[..bytes.len() * 2 / 3];
        let (all, end) = read(open(cut, 4096, false).unwrap());
        assert!(all.len() > plain.len() / 4 && plain.starts_with(&all));
        match end.unwrap_err() {
            InputError::Truncated { compression: told, compressed_offset, offset, .. } => {
                assert_eq!((told, compressed_offset, offset), (compression, cut.len() as u64, all.len() as u64));
            }
            other => panic!("{other}"),
        }
        let (piped, end) = read(open(cut, 4096, true).unwrap());
        assert!(end.is_ok() && piped == all, "a pipe that closes early is a normal end");
    }
}

#[test]
fn corrupt_data_is_told_after_all_that_came_before_it() {
    let plain = capture();
    for (mut bytes, compression) in [(gzip(&plain), Compression::Gzip), (zst(&plain), Compression::Zstd)] {
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].fill(0xff);
        let (all, end) = read(open(&bytes, 4096, false).unwrap());
        // Without the checksum at its end, some damage would not even show.
        assert!(all.len() <= plain.len(), "{compression}");
        match end.unwrap_err() {
            InputError::Corrupt { compression: told, compressed_offset, offset, .. } => {
                assert_eq!((told, offset), (compression, all.len() as u64));
                assert!(compressed_offset > 0 && compressed_offset <= bytes.len() as u64);
            }
            other => panic!("{other}"),
        }
    }
    // A wrong checksum at the very end: all the data has come, and the error too.
    let mut bytes = gzip(&plain);
    let at = bytes.len() - 6;
    bytes[at] ^= 1;
    let (all, end) = read(open(&bytes, 1 << 20, false).unwrap());
    assert!(all == plain && matches!(end, Err(InputError::Corrupt { .. })));
}

#[test]
fn empty_inputs_are_errors_except_on_a_pipe() {
    for bytes in [vec![], gzip(b""), zst(b"")] {
        assert!(matches!(open(&bytes, 100, false), Err(InputError::Empty { .. })));
        let input = open(&bytes, 100, true).unwrap();
        assert_eq!(input.format().unwrap(), None);
        assert_eq!(read(input).0, b"");
    }
}

#[test]
fn foreign_files_are_told_by_what_they_look_like() {
    let mut tar = vec![b'x'; 512];
    tar[257..262].copy_from_slice(b"ustar");
    let cases: [(&[u8], &str); 12] = [
        (b"time,price,qty\n1,2,3\n", "comma-separated text that begins `time,price,qty`"),
        (b"hello world, this is no capture", "text"),
        (b"{\"e\":\"trade\"}\n", "JSON without the local receive time"),
        (b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00", "pcap"),
        (b"DBN\x01abcdef", "Databento"),
        (b"BZh91AY&SY", "bzip2"),
        (b"PK\x03\x04....", "zip"),
        (b"\x7fELF\x02\x01", "ELF"),
        (b"<html><body>404", "HTML"),
        (&[0; 100], "zero bytes"),
        (b"\x80\x81\x82\x83", "80 81 82 83"),
        (&tar, "tar"),
    ];
    for (bytes, expected) in cases {
        for bytes in [bytes.to_vec(), gzip(bytes)] {
            let error = open(&bytes, 4096, false).unwrap().format().unwrap_err();
            let shown = error.to_string();
            assert!(shown.contains(expected) && shown.starts_with("TR-2006"), "{shown}");
        }
    }
}

#[test]
fn formats_are_told_by_content() {
    let itch: Vec<u8> = [(12usize, b'S'), (39, b'R'), (25, b'H'), (36, b'A')]
        .iter()
        .flat_map(|&(length, kind)| {
            let mut message = vec![0; 2 + length];
            message[1] = length as u8;
            message[2] = kind;
            message
        })
        .collect();
    assert_eq!(Format::of(&itch), Some(Format::Itch));
    assert_eq!(Format::of(&itch[..80]), Some(Format::Itch), "also where the last message is cut");
    assert_eq!(Format::of(b"a bad first line\n17 {\"e\":1}\n"), Some(Format::Binance));
    let mut wrong_length = itch.clone();
    wrong_length[1] = 13;
    assert_eq!(Format::of(&wrong_length), None);
    assert_eq!("itch".parse::<Format>().unwrap(), Format::Itch);
    let unknown = "csv".parse::<Format>().unwrap_err();
    assert!(matches!(unknown, InputError::UnknownFormat { .. }) && unknown.code() == "TR-2010", "{unknown}");
}

#[test]
fn files_that_cannot_be_opened_are_told_apart() {
    assert!(matches!(Input::open("/no/such/file"), Err(InputError::Missing { .. })));
    let here = env!("CARGO_MANIFEST_DIR");
    assert!(matches!(Input::open(here), Err(InputError::Directory { .. })));
    let error = Input::open("/no/such/file").unwrap_err();
    assert_eq!(error.code(), "TR-2001");
    assert!(error.to_string().contains("/no/such/file") && error.to_string().starts_with("TR-2001"));
}

#[test]
fn a_path_that_cannot_be_one_is_told_with_what_the_system_says() {
    let long = "x".repeat(5_000);
    let error = Input::open(&long).unwrap_err();
    assert_eq!(error.code(), "TR-2004");
    assert!(error.to_string().contains("cannot be opened: File name too long"), "{error}");
}

/// Set in the child that has no right to read every file.
const CHILD: &str = "TAGRING_INPUT_CHILD";

#[test]
fn a_file_that_may_not_be_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    // Who may read every file does so in a child that may not, where the system has the means.
    let path = std::env::temp_dir().join(format!("tagring-forbidden-{}", std::process::id()));
    if std::env::var_os(CHILD).is_none() {
        let program = std::env::current_exe().unwrap();
        let drop = "setpriv --bounding-set=-dac_override,-dac_read_search";
        let run = "\"$0\" --exact a_file_that_may_not_be_read_is_told --nocapture";
        let script = format!("if {drop} true 2>/dev/null; then exec {drop} {run}; else exec {run}; fi");
        let output =
            std::process::Command::new("sh").arg("-c").arg(script).arg(program).env(CHILD, "1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        return;
    }
    std::fs::write(&path, "secret").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    let (opened, anyhow) = (Input::open(path.to_str().unwrap()), std::fs::read(&path));
    std::fs::remove_file(&path).unwrap();
    match opened {
        Err(error) => assert_eq!(error.code(), "TR-2002", "{error}"),
        Ok(_) => assert!(anyhow.is_ok(), "it may be read here after all"),
    }
}

#[test]
fn a_zstd_frame_that_asks_for_too_much_memory_is_refused() {
    // A frame's header by hand: magic number, no sizes, a window of 2^28 bytes; one raw block of ten bytes, the last.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, (28 - 10) << 3];
    let block: u32 = 10 << 3 | 1;
    frame.extend_from_slice(&block.to_le_bytes()[..3]);
    frame.extend_from_slice(b"0123456789");
    let error = open(&frame, 4096, false).map(read).map_or_else(|error| error, |(_, end)| end.unwrap_err());
    assert!(error.code() == "TR-2011" && error.to_string().contains("128 MiB"), "{error}");
    // One bit less is allowed.
    frame[5] = (27 - 10) << 3;
    let (all, end) = read(open(&frame, 4096, false).unwrap());
    assert!(end.is_ok() && all == b"0123456789");
}

/// A device that fails after some bytes.
struct Failing(Cursor<Vec<u8>>);

impl Read for Failing {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(std::io::Error::other("the disk is gone")),
            read => Ok(read),
        }
    }
}

#[test]
fn a_failing_device_is_no_corrupt_data() {
    for bytes in [capture(), gzip(&capture())[..10_000].to_vec()] {
        let input = Input::with_block_bytes("it", Box::new(Failing(Cursor::new(bytes))), 4096, false).unwrap();
        let (all, end) = read(input);
        assert!(!all.is_empty());
        let error = end.unwrap_err();
        assert_eq!(error.code(), "TR-2009");
        assert!(matches!(error, InputError::Unread { offset, .. } if offset == all.len() as u64));
    }
}

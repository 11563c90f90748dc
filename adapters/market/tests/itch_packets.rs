//! Real packets of the exchange, one per message type: each decodes, and to the fields that stand in it. The expectation is read here by
//! the offsets of the specification, not with the decoder's code.

mod data;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tagring::event::Payload;
use tagring_market::input::Input;
use tagring_market::itch::{Fault, Feed, FeedError, Frame, Frames};
use tagring_market::sink::{Level, Sink, SinkStopped};

/// Name and bytes of each event.
#[derive(Default)]
struct Record(Vec<(u32, &'static str, Vec<u8>)>);

impl Sink for Record {
    fn event<P: Payload>(&mut self, key: u32, event: &P) -> Result<(), SinkStopped> {
        self.0.push((key, P::NAME, event.as_bytes().to_vec()));
        Ok(())
    }
    fn snapshot(&mut self, _: u32, _: u64, _: u64, _: &[Level], _: &[Level]) -> Result<(), SinkStopped> {
        Ok(())
    }
}

/// The ITCH messages in a capture of MoldUDP64 over UDP over IPv4 over Ethernet (little-endian pcap).
fn messages(pcap: &[u8]) -> Vec<Vec<u8>> {
    let (mut found, mut rest) = (Vec::new(), &pcap[24..]);
    while rest.len() >= 16 {
        let len = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let packet = &rest[16..16 + len];
        rest = &rest[16 + len..];
        let ethernet = if packet[12..14] == [0x81, 0] { 18 } else { 14 };
        let ip = &packet[ethernet..];
        let udp = &ip[usize::from(ip[0] & 15) * 4..];
        let mold = &udp[8..usize::from(u16::from_be_bytes([udp[4], udp[5]]))];
        let count = u16::from_be_bytes([mold[18], mold[19]]);
        let mut block = &mold[20..];
        for _ in 0..count {
            let len = usize::from(u16::from_be_bytes([block[0], block[1]]));
            found.push(block[2..2 + len].to_vec());
            block = &block[2 + len..];
        }
    }
    found
}

fn captures(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .flat_map(|version| std::fs::read_dir(version.unwrap().path()).into_iter().flatten())
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "pcap"))
        .collect();
    found.sort();
    found
}

fn number(m: &[u8], at: usize, len: usize) -> u64 {
    m[at..at + len].iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
}

/// What must be found in the event of a message: fields of the message as the little-endian bytes they have in the payload.
fn expected(m: &[u8]) -> (&'static str, Vec<Vec<u8>>) {
    let n8 = |at| number(m, at, 8).to_le_bytes().to_vec();
    let n4 = |at| (number(m, at, 4) as u32).to_le_bytes().to_vec();
    let price = |at| (number(m, at, 4) * 10_000).to_le_bytes().to_vec();
    let shares = |at| (number(m, at, 4) * 100_000_000).to_le_bytes().to_vec();
    let text = |at: usize, len: usize| m[at..at + len].to_vec();
    let time = number(m, 5, 6).to_le_bytes().to_vec();
    let (name, mut fields) = match m[0] {
        b'S' => ("SystemEvent", vec![text(11, 1)]),
        b'R' => ("Instrument", vec![n4(21)]),
        b'H' => ("TradingAction", vec![text(21, 4), text(19, 2)]),
        b'Y' => ("ShortSaleRestriction", vec![text(19, 1)]),
        b'L' => ("ParticipantPosition", vec![text(11, 4), text(23, 3)]),
        b'V' => ("BreakerLevels", vec![n8(11), n8(19), n8(27)]),
        b'W' => ("BreakerBreached", vec![text(11, 1)]),
        b'K' => ("IpoQuoting", vec![n4(19), text(23, 1), price(24)]),
        b'J' => ("AuctionCollar", vec![price(19), price(23), price(27), n4(31)]),
        b'h' => ("OperationalHalt", vec![text(19, 2)]),
        b'A' => ("OrderAdded", vec![n8(11), text(19, 1), shares(20), price(32)]),
        b'F' => ("OrderAdded", vec![n8(11), text(19, 1), shares(20), price(32), text(36, 4)]),
        b'E' => ("OrderExecuted", vec![n8(11), shares(19), n8(23)]),
        b'C' => ("OrderExecutedAt", vec![n8(11), n4(19), n8(23), text(31, 1), price(32)]),
        b'X' => ("OrderCancelled", vec![n8(11), shares(19)]),
        b'D' => ("OrderDeleted", vec![n8(11)]),
        b'U' => ("OrderReplaced", vec![n8(11), n8(19), n4(27), price(31)]),
        b'P' => ("HiddenTrade", vec![n8(11), text(19, 1), n4(20), price(32), n8(36)]),
        b'Q' => (
            "CrossTrade",
            vec![(number(m, 11, 8) * 100_000_000).to_le_bytes().to_vec(), price(27), n8(31), text(39, 1)],
        ),
        b'B' => ("TradeBroken", vec![n8(11)]),
        b'I' => ("OrderImbalance", vec![n8(11), n8(19), text(27, 1), n4(36), n4(40), n4(44), text(48, 2)]),
        b'N' => ("RetailInterest", vec![text(19, 1)]),
        b'O' => ("DirectListing", vec![text(19, 1), n4(20), n4(24), n4(28), n8(32), n4(40), n4(44)]),
        kind => panic!("type {kind} is not in the specification"),
    };
    fields.push(time);
    (name, fields)
}

fn decoded(m: &[u8]) -> Vec<(u32, &'static str, Vec<u8>)> {
    let (mut feed, mut record) = (Feed::new(true), Record::default());
    let frame = Frame { bytes: m, number: 1, offset: 0, cut: None };
    feed.message(&frame, &mut record).unwrap_or_else(|error| panic!("{error}"));
    record.0
}

#[test]
fn every_real_packet_decodes_to_the_fields_that_stand_in_it() {
    let Some(folder) = data::folder("itch", "every_real_packet_decodes_to_the_fields_that_stand_in_it") else { return };
    let (mut kinds, mut count) = (BTreeSet::new(), 0);
    for path in captures(&folder) {
        for message in messages(&std::fs::read(&path).unwrap()) {
            let events = decoded(&message);
            let (name, fields) = expected(&message);
            let (key, found, bytes) = &events[0];
            assert_eq!((u64::from(*key), *found), (number(&message, 1, 2), name), "{}", path.display());
            for field in fields {
                let there = bytes.windows(field.len()).any(|window| window == field);
                assert!(there, "{}: {name} lacks {field:?}: {bytes:?} of {message:?}", path.display());
            }
            kinds.insert(char::from(message[0]));
            count += 1;
        }
    }
    assert!(count >= 23 && kinds.len() >= 15, "{count} messages of types {kinds:?}");
}

#[test]
fn the_sample_of_a_day_decodes_up_to_where_it_is_cut() {
    let Some(folder) = data::folder("itch", "the_sample_of_a_day_decodes_up_to_where_it_is_cut") else { return };
    let mut input = Input::open(folder.join("sample.itch").to_str().unwrap()).unwrap();
    let (mut frames, mut feed, mut record) = (Frames::new(), Feed::new(false), Record::default());
    while let Some(frame) = frames.next(&mut input).unwrap() {
        feed.message(&frame, &mut record).unwrap();
    }
    assert_eq!(feed.messages().map(|(_, count)| count).sum::<u64>(), 101);
    assert_eq!(feed.skips(), [("cut message", 1)]);
    assert_eq!(feed.examples()[0].offset, 4081);
}

fn fault(bytes: &[u8]) -> Fault {
    let frame = Frame { bytes, number: 3, offset: 70, cut: None };
    match Feed::new(true).message(&frame, &mut Record::default()) {
        Err(FeedError::Frame(error)) => {
            assert_eq!((error.message, error.offset), (3, 70));
            assert!(error.to_string().starts_with("TR-22"), "{error}");
            error.fault
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn issue_4579_bad_messages_are_named_and_publish_nothing() {
    assert_eq!(fault(b"?123456789012"), Fault::UnknownType { kind: b'?' });
    assert_eq!(fault(b"D123"), Fault::Length { kind: b'D', len: 4, expected: 19 });
    let mut added = [0; 36];
    (added[0], added[19]) = (b'A', b'Z');
    assert_eq!(fault(&added), Fault::Side { side: b'Z' });
    let mut cross = [0xff; 40];
    cross[0] = b'Q';
    assert!(matches!(fault(&cross), Fault::OutOfRange { field: "shares", .. }));
    let mut record = Record::default();
    let mut lenient = Feed::new(false);
    lenient.message(&Frame { bytes: &added, number: 1, offset: 0, cut: None }, &mut record).unwrap();
    assert!(record.0.is_empty());
    assert_eq!(lenient.skips(), [("unknown side", 1)]);
}

/// Any bytes, cut anywhere, in blocks of any size: never a panic, and always the same messages.
#[test]
fn frames_do_not_depend_on_where_blocks_end() {
    let mut bytes = Vec::new();
    tagring_market::exchange::Session::new(3).write(300, &mut bytes);
    bytes.truncate(bytes.len() - 5);
    let read = |block: usize| {
        let reader = Box::new(std::io::Cursor::new(bytes.clone()));
        let mut input = Input::with_block_bytes("session", reader, block, false).unwrap();
        let (mut frames, mut found) = (Frames::new(), Vec::new());
        while let Some(frame) = frames.next(&mut input).unwrap() {
            found.push((frame.number, frame.offset, frame.bytes.to_vec(), frame.cut));
        }
        found
    };
    let whole = read(1 << 20);
    assert!(whole.last().unwrap().3.is_some());
    for block in [1, 2, 3, 7, 36, 64, 1000] {
        assert_eq!(read(block), whole, "blocks of {block}");
    }
}

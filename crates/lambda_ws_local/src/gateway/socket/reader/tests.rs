use super::*;
use crate::gateway::testing::frame;
use proptest::prelude::*;

fn read(reader: &mut Reader, mut bytes: &[u8]) -> Result<Vec<Incoming>, Close> {
    let mut all = Vec::new();
    while let Some(incoming) = reader.read(&mut bytes)? {
        all.push(incoming);
    }
    assert!(bytes.is_empty());
    Ok(all)
}

#[test]
fn f2_what_is_announced_costs_nothing_before_it_arrives() {
    let mut reader = Reader::default();
    let bytes = frame(0x81, &[b'x'; 32_768]);
    assert_eq!(read(&mut reader, &bytes[..108]), Ok(vec![]));
    assert!(reader.kept() <= 200, "{}", reader.kept());
}

#[test]
fn between_messages_nothing_is_kept() {
    let mut reader = Reader::default();
    for bytes in [
        frame(0x81, &[b'x'; 32_768]),
        frame(0x89, &[b'p'; 125]),
        frame(0x8a, &[b'p'; 125]),
    ] {
        assert_eq!(read(&mut reader, &bytes).unwrap().len(), 1);
        assert_eq!(reader.kept(), 0);
    }
}

#[test]
fn a_mask_is_removed_wherever_the_payload_was_cut() {
    let text = "a text that is longer than eight bytes";
    let mask = [0x12, 0x34, 0xff, 0x01];
    let mut bytes = vec![0x81, 0x80 | text.len() as u8];
    bytes.extend(mask);
    let masked = text.bytes().zip(mask.into_iter().cycle());
    bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
    for cut in 1..bytes.len() {
        let mut reader = Reader::default();
        assert_eq!(read(&mut reader, &bytes[..cut]), Ok(vec![]));
        let text = Incoming::Text(text.to_owned());
        assert_eq!(read(&mut reader, &bytes[cut..]), Ok(vec![text]), "{cut}");
    }
}

proptest! {
    /// What is understood does not depend on the pieces in which it arrives.
    #[test]
    fn pieces_change_nothing(
        frames in proptest::collection::vec(
            (prop_oneof![Just(0x81_u8), Just(0x01), Just(0x00), Just(0x80), Just(0x89), Just(0x88), any::<u8>()],
             prop_oneof!["\\PC{0,40}".prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..200)]),
            0..6),
        piece in 1..50_usize,
    ) {
        let bytes: Vec<_> = frames.iter().flat_map(|(first, payload)| frame(*first, payload)).collect();
        let collect = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let (mut reader, mut all) = (Reader::default(), Vec::new());
            for mut piece in pieces {
                loop {
                    match reader.read(&mut piece) {
                        Ok(Some(incoming)) => all.push(incoming),
                        Ok(None) => break,
                        Err(close) => return (all, Some(close)),
                    }
                }
            }
            (all, None)
        };
        prop_assert_eq!(collect(&mut bytes.chunks(piece)), collect(&mut [&bytes[..]].into_iter()));
    }
}

//~ error: no method named `clone` found
fn main() {
    let (writer, _reader) = tagring::counters::Histogram::new();
    let _second = writer.clone();
}

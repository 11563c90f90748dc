//! A first look at the ring.
use tagring::ring::{Polled, Ring};
#[test]
fn two_threads() {
    let (ring, mut publisher) = Ring::<[u64; 7]>::single(256).unwrap();
    let reader = ring.attach().unwrap();
    let other = std::thread::spawn(move || {
        let mut reader = reader.bind();
        let mut next = 0;
        while !reader.is_finished() {
            if reader.poll(64, |event, sequence, _| {
                assert_eq!(sequence, next);
                assert_eq!(event[0], next);
                next += 1;
            }) == 0
            {
                std::thread::yield_now()
            }
        }
        next
    });
    for i in 0..200_000 {
        publisher.publish([i; 7]).unwrap();
    }
    drop(publisher);
    assert_eq!(other.join().unwrap(), 200_000);
    let (ring, p) = Ring::<u64>::many(64).unwrap();
    let mut reader = ring.attach().unwrap();
    std::thread::scope(|s| {
        for _ in 0..2 {
            let mut p = p.clone();
            s.spawn(move || {
                for i in 0..50_000 {
                    p.publish(i).unwrap();
                }
            });
        }
        drop(p);
        let mut n = 0;
        loop {
            match reader.poll(64) {
                Polled::Batch(b) => {
                    n += b.iter().count();
                    b.commit()
                }
                Polled::Empty => std::thread::yield_now(),
                Polled::Closed => break,
            }
        }
        assert_eq!(n, 100_000);
    });
}

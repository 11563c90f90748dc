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

#[test]
fn a_reader_that_is_behind_gets_batches_from_many_publishers_too() {
    let (ring, mut one) = Ring::<u64>::many(512).unwrap();
    let mut two = one.clone();
    let mut reader = ring.attach().unwrap();
    for i in 0..100 {
        one.try_publish(i).unwrap();
        two.try_publish(1000 + i).unwrap();
    }
    let Polled::Batch(batch) = reader.poll(64) else { panic!("events are there") };
    assert_eq!(batch.iter().count(), 64);
    batch.commit();
    let Polled::Batch(batch) = reader.poll(usize::MAX) else { panic!("events are there") };
    assert_eq!(batch.iter().count(), 136);
    batch.commit();
    assert!(matches!(reader.poll(1), Polled::Empty));
}

#[test]
fn a_reader_after_another_is_not_told_of_the_end_before_it_has_read_all() {
    let (ring, mut publisher) = Ring::<u64>::single(8).unwrap();
    let mut first = ring.attach().unwrap();
    let mut second = ring.attach_after(&[first.id()]).unwrap();
    publisher.try_publish(1).unwrap();
    drop(publisher);
    assert!(matches!(second.poll(8), Polled::Empty), "the first has not handled it");
    if let Polled::Batch(batch) = first.poll(8) {
        batch.commit();
    }
    let Polled::Batch(batch) = second.poll(8) else { panic!("its turn") };
    batch.commit();
    assert!(matches!(second.poll(8), Polled::Closed));
}

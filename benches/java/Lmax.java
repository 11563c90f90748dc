// LMAX Disruptor, measured as the peers in Rust are, commanded line by line: `benches/src/peers/lmax.rs` starts it and pins its threads.
//
//   java -cp disruptor.jar Lmax.java        prints {"ready":true} and waits
//   trip WARM COUNT                         {"ticks":[...]}: nanoseconds of each of COUNT round trips over two rings
//   stream WORDS BATCH COUNT                {"per_second":...}: one publisher to one reader, COUNT events of WORDS words, claimed BATCH at once
//   many PUBLISHERS WORDS BATCH COUNT       {"per_second":...}: up to 4 publishers to one reader, on one core, COUNT events together
//
// Between commands all threads sleep. Threads: near-0 .. near-3 publish, far reads.

import com.lmax.disruptor.BatchEventProcessor;
import com.lmax.disruptor.BusySpinWaitStrategy;
import com.lmax.disruptor.EventHandler;
import com.lmax.disruptor.ExceptionHandler;
import com.lmax.disruptor.InsufficientCapacityException;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.Sequence;
import com.lmax.disruptor.SequenceBarrier;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

public final class Lmax {
    static final int CAPACITY = 1024;
    static final int WARM_UP = 2 * CAPACITY;
    static final int PUBLISHERS = 4;

    /** An event of up to seven words, as fields: an array would lie elsewhere. */
    static final class Event {
        long a, b, c, d, e, f, g;

        void set(long value, boolean wide) {
            a = value;
            b = value;
            c = value;
            d = value;
            if (wide) {
                e = value;
                f = value;
                g = value;
            }
        }
    }

    /** A thread that lives as long as the program, so that it can be pinned once. */
    static ThreadPoolExecutor thread(String name) {
        ThreadPoolExecutor pool = new ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), work -> {
            Thread thread = new Thread(work, name);
            thread.setDaemon(true);
            return thread;
        });
        pool.prestartAllCoreThreads();
        return pool;
    }

    static final ThreadPoolExecutor far = thread("far");
    static final ThreadPoolExecutor[] near = new ThreadPoolExecutor[PUBLISHERS];

    /** Adds up, checks the order of a lone publisher, and notes when the warm-up and when all is done. */
    static final class Reader implements EventHandler<Event> {
        final long all;
        final boolean ordered;
        final CountDownLatch warm = new CountDownLatch(1);
        final CountDownLatch done = new CountDownLatch(1);
        long seen, sum, end;

        Reader(long count, boolean ordered) {
            all = WARM_UP + count;
            this.ordered = ordered;
        }

        @Override
        public void onEvent(Event event, long sequence, boolean endOfBatch) {
            if (ordered && event.a != sequence) {
                throw new IllegalStateException("event " + event.a + " at " + sequence);
            }
            sum += event.a;
            seen++;
            if (seen == WARM_UP) {
                warm.countDown();
            }
            if (seen == all) {
                end = System.nanoTime();
                done.countDown();
            }
        }
    }

    /** A reader that fails would leave the others waiting for ever. */
    static void end(Throwable why) {
        System.err.println(why);
        Runtime.getRuntime().halt(1);
    }

    static RingBuffer<Event> ring(boolean many) {
        return many
            ? RingBuffer.createMultiProducer(Event::new, CAPACITY, new BusySpinWaitStrategy())
            : RingBuffer.createSingleProducer(Event::new, CAPACITY, new BusySpinWaitStrategy());
    }

    static BatchEventProcessor<Event> read(RingBuffer<Event> ring, EventHandler<Event> handler) {
        BatchEventProcessor<Event> processor = new BatchEventProcessor<>(ring, ring.newBarrier(), handler);
        ring.addGatingSequences(processor.getSequence());
        processor.setExceptionHandler(new ExceptionHandler<Event>() {
            @Override
            public void handleEventException(Throwable why, long sequence, Event event) {
                end(why);
            }

            @Override
            public void handleOnStartException(Throwable why) {
                end(why);
            }

            @Override
            public void handleOnShutdownException(Throwable why) {
                end(why);
            }
        });
        return processor;
    }

    /** Publishes `count` events. On a full ring it spins or yields: `next` would park, and sleep some 50 microseconds. */
    static void publish(RingBuffer<Event> ring, long first, long count, int batch, boolean wide, boolean yields) {
        for (long at = 0; at < count; at += batch) {
            long high;
            while (true) {
                try {
                    high = ring.tryNext(batch);
                    break;
                } catch (InsufficientCapacityException full) {
                    if (yields) {
                        Thread.yield();
                    } else {
                        Thread.onSpinWait();
                    }
                }
            }
            long low = high - batch + 1;
            for (long sequence = low; sequence <= high; sequence++) {
                ring.get(sequence).set(first + at + (sequence - low), wide);
            }
            ring.publish(low, high);
        }
    }

    static double throughput(int publishers, int words, int batch, long count) throws Exception {
        boolean many = publishers > 1;
        RingBuffer<Event> ring = ring(many);
        Reader reader = new Reader(count, !many);
        BatchEventProcessor<Event> processor = read(ring, reader);
        Future<?> reading = far.submit(processor);
        CountDownLatch ready = new CountDownLatch(publishers);
        CountDownLatch go = new CountDownLatch(1);
        long[] start = new long[1];
        Future<?>[] publishing = new Future<?>[publishers];
        for (int i = 0; i < publishers; i++) {
            boolean first = i == 0;
            publishing[i] = near[i].submit(() -> {
                publish(ring, 0, WARM_UP / publishers, batch, words == 7, many);
                ready.countDown();
                if (first) {
                    ready.await();
                    reader.warm.await();
                    start[0] = System.nanoTime();
                    go.countDown();
                } else {
                    go.await();
                }
                publish(ring, WARM_UP, count / publishers, batch, words == 7, many);
                return null;
            });
        }
        for (Future<?> one : publishing) {
            one.get();
        }
        reader.done.await();
        processor.halt();
        reading.get();
        if (reader.seen != WARM_UP + count) {
            throw new IllegalStateException("lost events: " + reader.seen);
        }
        return count * 1e9 / (reader.end - start[0]);
    }

    static long[] trips(int warm, int count) throws Exception {
        RingBuffer<Event> out = ring(false);
        RingBuffer<Event> back = ring(false);
        BatchEventProcessor<Event> echo = read(out, (event, sequence, end) -> {
            long at = back.next();
            back.get(at).set(event.a, false);
            back.publish(at);
        });
        long[] ticks = new long[count];
        Future<?> reading = far.submit(echo);
        near[0].submit(() -> {
            SequenceBarrier barrier = back.newBarrier();
            Sequence mine = new Sequence();
            back.addGatingSequences(mine);
            for (int i = 0; i < warm + count; i++) {
                long sent = System.nanoTime();
                long at = out.next();
                out.get(at).set(i, false);
                out.publish(at);
                barrier.waitFor(i);
                long value = back.get(i).a;
                long taken = System.nanoTime() - sent;
                mine.set(i);
                if (value != i) {
                    throw new IllegalStateException("trip " + i + " brought back " + value);
                }
                if (i >= warm) {
                    ticks[i - warm] = taken;
                }
            }
            return null;
        }).get();
        echo.halt();
        reading.get();
        return ticks;
    }

    static String answer(String[] words) throws Exception {
        int[] n = new int[words.length];
        for (int i = 1; i < words.length; i++) {
            n[i] = Integer.parseInt(words[i]);
        }
        switch (words[0]) {
            case "trip":
                StringBuilder ticks = new StringBuilder();
                for (long tick : trips(n[1], n[2])) {
                    ticks.append(ticks.length() == 0 ? "" : ",").append(tick);
                }
                return "{\"ticks\":[" + ticks + "]}";
            case "stream":
                return "{\"per_second\":" + throughput(1, n[1], n[2], n[3]) + "}";
            case "many":
                return "{\"per_second\":" + throughput(n[1], n[2], n[3], n[4]) + "}";
            default:
                throw new IllegalArgumentException("no command " + words[0]);
        }
    }

    public static void main(String[] arguments) throws Exception {
        for (int i = 0; i < PUBLISHERS; i++) {
            near[i] = thread("near-" + i);
        }
        System.out.println("{\"ready\":true}");
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            System.out.println(answer(line.trim().split(" +")));
        }
    }
}

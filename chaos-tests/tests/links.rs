//! The emulated wide-area network does what the other tests rely on.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use registry_chaos_tests::cluster::{Layout, link_control, start_links};
use registry_chaos_tests::link::{
    Command, LinkControl, LinkEmulator, LinkQuality, Links, Nodes, Route, listen, serve,
};
use registry_chaos_tests::scratch;
use registry_chaos_tests::wait::eventually;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const DEADLINE: Duration = Duration::from_secs(10);
/// Long enough for an answer over a link without distance.
const SILENCE: Duration = Duration::from_millis(200);
const MIB: usize = 1 << 20;

/// A node that sends back what it receives, and the one route to it.
async fn echo_behind(rtt: Duration) -> (LinkEmulator, SocketAddr) {
    echo_over(LinkQuality::with_rtt(rtt)).await
}

async fn echo_over(quality: LinkQuality) -> (LinkEmulator, SocketAddr) {
    let far = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let far_address = far.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = far.accept().await {
            tokio::spawn(async move {
                stream.set_nodelay(true).expect("no delay");
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    let near = free_address().await;
    let links = LinkEmulator::start_with(vec![route(near, far_address)], quality);
    (links.await.expect("the route listens"), near)
}

async fn free_address() -> SocketAddr {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    free.local_addr().expect("an address")
}

/// Node 11 in Shanghai dials node 21 in Wuhan.
fn route(near: SocketAddr, far: SocketAddr) -> Route {
    Route {
        from_node: 11,
        from_city: "shanghai".to_owned(),
        to_node: 21,
        to_city: "wuhan".to_owned(),
        near,
        far,
    }
}

async fn dial(near: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(near).await.expect("the near end accepts");
    stream.set_nodelay(true).expect("no delay");
    stream
}

async fn ping(stream: &mut TcpStream) -> std::io::Result<Duration> {
    let sent = Instant::now();
    stream.write_all(b"ping").await?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"ping");
    Ok(sent.elapsed())
}

/// Whether the stream ends by an error, not by silence or a clean end.
async fn is_reset(stream: &mut TcpStream) -> bool {
    let read = tokio::time::timeout(DEADLINE, stream.read(&mut [0; 1])).await;
    read.is_ok_and(|outcome| outcome.is_err())
}

/// Whether a new connection is reset, while it is made or at once after.
async fn is_refused(near: SocketAddr) -> bool {
    match TcpStream::connect(near).await {
        Ok(mut stream) => is_reset(&mut stream).await,
        Err(_) => true,
    }
}

/// Whether a stream takes what is sent and gives nothing back, not even an end.
async fn is_silent(stream: &mut TcpStream) -> bool {
    tokio::time::timeout(SILENCE, ping(stream)).await.is_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_trip_takes_the_emulated_time_and_little_more() {
    let rtt = Duration::from_millis(12);
    let (_links, near) = echo_behind(rtt).await;
    let mut stream = dial(near).await;
    let mut times = Vec::new();
    for _ in 0..50 {
        times.push(ping(&mut stream).await.expect("an answer"));
    }
    times.sort();
    assert!(times[0] >= rtt, "the shortest took {:?}", times[0]);
    assert!(times[25] < rtt + Duration::from_millis(2), "the median took {:?}", times[25]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_delay_does_not_throttle_and_keeps_the_order() {
    let (_links, near) = echo_behind(Duration::from_millis(40)).await;
    let (mut read, mut write) = dial(near).await.into_split();
    let started = Instant::now();
    let sending = tokio::spawn(async move {
        for part in 0..64_u8 {
            write.write_all(&vec![part; MIB]).await.expect("the link takes it");
        }
        write
    });
    let mut part = vec![0; MIB];
    for expected in 0..64_u8 {
        read.read_exact(&mut part).await.expect("the link delivers it");
        assert!(part.iter().all(|byte| *byte == expected), "part {expected} is out of order");
    }
    drop(sending.await.expect("the sender ends"));
    // One chunk of 64 KiB per round trip would take 40 s.
    assert!(started.elapsed() < DEADLINE, "64 MiB took {:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_drops_and_refuses_until_healed() {
    let (links, near) = echo_behind(Duration::ZERO).await;
    let mut stream = dial(near).await;
    ping(&mut stream).await.expect("whole before the cut");
    links.cut("wuhan", "shanghai");
    assert!(is_reset(&mut stream).await, "the cut drops it");
    assert!(is_refused(near).await, "the cut refuses another");
    let counts = links.report()[0].counts;
    assert_eq!((counts.connections_dropped, counts.connections_refused), (1, 1));
    links.heal();
    eventually("a whole link", DEADLINE, || async {
        let mut stream = TcpStream::connect(near).await?;
        Ok(Some(ping(&mut stream).await?))
    })
    .await
    .expect("healed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_one_way_hole_swallows_answers_and_delivers_them_when_healed() {
    let (links, near) = echo_behind(Duration::ZERO).await;
    let mut stream = dial(near).await;
    ping(&mut stream).await.expect("whole before the hole");
    links.black_hole("wuhan", "shanghai");
    assert!(is_silent(&mut stream).await, "an answer came through the hole");
    links.heal();
    let mut answer = [0; 4];
    tokio::time::timeout(DEADLINE, stream.read_exact(&mut answer))
        .await
        .expect("in time")
        .expect("the connection outlived the hole");
    assert_eq!(&answer, b"ping");
    let counts = links.report()[0].counts;
    assert_eq!((counts.there.bytes_held, counts.back.bytes_held), (0, 4));
    assert!(counts.back.blocked_ms >= 150, "held for {} ms", counts.back.blocked_ms);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_far_end_ends_the_near_connection() {
    let (links, near) = echo_behind(Duration::from_millis(2)).await;
    let mut stream = dial(near).await;
    ping(&mut stream).await.expect("whole");
    stream.shutdown().await.expect("half closed");
    let mut rest = Vec::new();
    tokio::time::timeout(DEADLINE, stream.read_to_end(&mut rest))
        .await
        .expect("the end crosses the link")
        .expect("a clean end");
    assert!(rest.is_empty());
    drop(links);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_takes_the_time_that_its_bandwidth_allows_over_all_connections() {
    const BYTES_PER_S: u64 = 4_000_000;
    let (links, near) = echo_over(LinkQuality {
        rtt: Duration::from_millis(12),
        bytes_per_s: Some(BYTES_PER_S),
        ..LinkQuality::default()
    })
    .await;
    let started = Instant::now();
    let transfers = (0..2).map(|_| {
        tokio::spawn(async move {
            let (mut read, mut write) = dial(near).await.into_split();
            let sending = tokio::spawn(async move {
                write.write_all(&vec![7; 2 * MIB]).await.expect("the link takes it");
                write
            });
            read.read_exact(&mut vec![0; 2 * MIB]).await.expect("the link delivers it");
            drop(sending.await.expect("the sender ends"));
        })
    });
    for transfer in transfers.collect::<Vec<_>>() {
        transfer.await.expect("a transfer");
    }
    let (took, due) = (started.elapsed().as_secs_f64(), (4 * MIB) as f64 / BYTES_PER_S as f64);
    assert!((0.85..1.15).contains(&(took / due)), "took {took:.3} s, {due:.3} s are due");
    let counts = links.report()[0].counts;
    assert!(counts.there.bytes_limited > 3 << 20, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_link_trickles_and_is_fast_again_when_healed() {
    let (links, near) = echo_behind(Duration::ZERO).await;
    let mut stream = dial(near).await;
    links.apply_all(&Command::bandwidth("shanghai", "wuhan", 4_000));
    let started = Instant::now();
    stream.write_all(&[7; 4_000]).await.expect("the link takes it");
    stream.read_exact(&mut [0; 1]).await.expect("the first byte");
    assert!(started.elapsed() < Duration::from_millis(300), "the first took the whole's time");
    stream.read_exact(&mut [0; 1_999]).await.expect("half of it");
    let half = started.elapsed().as_secs_f64();
    assert!((0.4..0.6).contains(&half), "2,000 bytes took {half:.3} s");
    links.heal();
    let healed = Instant::now();
    stream.read_exact(&mut [0; 2_000]).await.expect("the rest");
    assert!(healed.elapsed() < Duration::from_millis(300), "still slow: {:?}", healed.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn jitter_spreads_the_times_and_keeps_the_order() {
    let (links, near) = echo_over(LinkQuality {
        rtt: Duration::from_millis(4),
        jitter: Duration::from_millis(10),
        seed: 7,
        ..LinkQuality::default()
    })
    .await;
    let mut stream = dial(near).await;
    let mut times = Vec::new();
    for _ in 0..40 {
        times.push(ping(&mut stream).await.expect("an answer"));
    }
    times.sort();
    assert!(times[0] >= Duration::from_millis(4), "the shortest took {:?}", times[0]);
    assert!(times[39] - times[0] > Duration::from_millis(6), "{times:?}");
    // Each number is a read, and so a chunk with a jitter of its own.
    let (mut read, mut write) = stream.into_split();
    let sending = tokio::spawn(async move {
        for number in 0..2_000_u32 {
            write.write_all(&number.to_be_bytes()).await.expect("the link takes it");
            tokio::task::yield_now().await;
        }
        write
    });
    for expected in 0..2_000 {
        assert_eq!(read.read_u32().await.expect("the link delivers it"), expected);
    }
    drop(sending.await.expect("the sender ends"));
    assert!(links.report()[0].counts.there.bytes_jittered > 4_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_drops_once_and_refuses_for_the_asked_time_only() {
    let (links, near) = echo_behind(Duration::ZERO).await;
    let mut stream = dial(near).await;
    ping(&mut stream).await.expect("whole before");
    let before = links.report();
    let reset = Command::Reset { one: 11.into(), other: Nodes::All, refuse_ms: 300 };
    assert_eq!(links.apply(&reset), 1);
    let since = Instant::now();
    assert!(is_reset(&mut stream).await, "the connection is reset");
    assert!(is_refused(near).await, "another is refused");
    let again = eventually("a connection that is accepted", DEADLINE, || async {
        let mut stream = TcpStream::connect(near).await?;
        Ok(Some(ping(&mut stream).await.map(|_| stream)?))
    });
    let mut stream = again.await.expect("accepted again without healing");
    assert!(since.elapsed() >= Duration::from_millis(300));
    ping(&mut stream).await.expect("and stays");
    assert!(reset.bites(&before, &links.report()) >= 2);
    assert_eq!(Command::cut("shanghai", "beijing").bites(&before, &links.report()), 0);
}

/// A near and a far end that this test holds itself.
async fn both_ends() -> (LinkEmulator, TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let far_address = listener.local_addr().expect("an address");
    let route = route(free_address().await, far_address);
    let near_address = route.near;
    let links = LinkEmulator::start(vec![route], Duration::ZERO).await.expect("listens");
    let near = dial(near_address).await;
    let (far, _) = listener.accept().await.expect("carried there");
    (links, near, far)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_open_connection_answers_nothing_and_looks_alive_until_healed() {
    let (closed, unaware) = (Nodes::from(21), Nodes::from(11));
    for far_is_closed in [true, false] {
        let (links, near, far) = both_ends().await;
        let (mut told, mut untold) = if far_is_closed { (far, near) } else { (near, far) };
        let command = match far_is_closed {
            true => Command::HalfOpen { closed: closed.clone(), unaware: unaware.clone() },
            false => Command::HalfOpen { closed: unaware.clone(), unaware: closed.clone() },
        };
        assert_eq!(links.apply(&command), 1);
        assert!(is_reset(&mut told).await, "the closed end notices");
        assert!(is_silent(&mut untold).await, "the other end was told or answered");
        let counts = links.report()[0].counts;
        let swallowed = if far_is_closed { counts.there } else { counts.back };
        assert_eq!((counts.connections_half_opened, swallowed.bytes_swallowed), (1, 4));
        links.heal();
        assert!(is_reset(&mut untold).await, "healing tells it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flapping_link_goes_down_and_up_until_healed() {
    let (links, near) = echo_behind(Duration::ZERO).await;
    let mut stream = dial(near).await;
    ping(&mut stream).await.expect("whole before");
    links.apply(&Command::Flap { one: Nodes::All, other: Nodes::All, down_ms: 50, up_ms: 100 });
    for _ in 0..3 {
        assert!(is_reset(&mut stream).await, "down");
        let up = eventually("the link to come up", DEADLINE, || async {
            let mut stream = TcpStream::connect(near).await?;
            Ok(Some(ping(&mut stream).await.map(|_| stream)?))
        });
        stream = up.await.expect("up again");
    }
    links.heal();
    let flaps = links.report()[0].counts.flaps;
    let mut stream = dial(near).await;
    assert!(tokio::time::timeout(SILENCE, stream.read(&mut [0; 1])).await.is_err(), "reset");
    assert_eq!((links.report()[0].counts.flaps, flaps >= 3), (flaps, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_over_the_socket_do_what_they_do_in_this_process() {
    let (links, near) = echo_behind(Duration::ZERO).await;
    let links = std::sync::Arc::new(links);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("links.sock");
    tokio::spawn(serve(links.clone(), listen(&path).await.expect("the socket")));
    assert!(listen(&path).await.is_err(), "two emulators took commands at one path");
    let (own, other) = (Links::Own(links), Links::Other(LinkControl::at(&path)));
    let mut stream = dial(near).await;
    ping(&mut stream).await.expect("whole before");
    for control in [&other, &own] {
        let before = control.report().await.expect("a report");
        let hole = Command::block("wuhan", 11);
        assert_eq!(control.apply(&hole).await.expect("done"), 1);
        assert!(is_silent(&mut stream).await, "an answer came through the hole");
        let after = control.report().await.expect("a report");
        assert!(after[0].state.back.blocked && !after[0].state.there.blocked);
        assert_eq!(hole.bites(&before, &after), 4);
        assert_eq!(control.apply(&Command::heal_all()).await.expect("done"), 1);
        let late = tokio::time::timeout(DEADLINE, stream.read_exact(&mut [0; 4])).await;
        late.expect("in time").expect("the connection outlived the hole");
    }
    assert_eq!(own.report().await.expect("one"), other.report().await.expect("the same"));
    let refused = LinkControl::at(&path).send(r#"{"cutt":{}}"#).await.expect("an answer");
    assert!(refused.contains("refused") && refused.contains("cutt"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_another_process_are_changed_while_it_runs() {
    let plan = scratch::plan("links", Layout::DualCity, |_| {}).expect("a plan");
    let process = start_links(&plan, 12).await.expect("the links listen");
    let links = Links::Other(link_control(&plan));
    let report = links.report().await.expect("a report");
    assert_eq!(report.len(), 18);
    assert!(report.iter().all(|route| route.state.there.delay == Duration::from_millis(6)));
    let cut = Command::cut("shanghai", 21);
    assert_eq!(links.apply(&cut).await.expect("done"), 6);
    let chosen = report.iter().find(|report| report.route.to_node == 21).expect("a route");
    assert!(is_refused(chosen.route.near).await, "the cut refuses");
    assert_eq!(cut.bites(&report, &links.report().await.expect("a report")), 1);
    drop(process);
    links.report().await.expect_err("the process is gone");
}

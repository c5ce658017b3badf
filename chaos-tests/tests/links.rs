//! The emulated wide-area network does what the other tests rely on.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use registry_chaos_tests::link::{LinkEmulator, Route};
use registry_chaos_tests::wait::eventually;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const DEADLINE: Duration = Duration::from_secs(10);

/// A node that sends back what it receives, and the one route to it.
async fn echo_behind(rtt: Duration) -> (LinkEmulator, SocketAddr) {
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
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let near = free.local_addr().expect("an address");
    drop(free);
    let route = Route {
        from_node: 11,
        from_city: "shanghai".to_owned(),
        to_node: 21,
        to_city: "wuhan".to_owned(),
        near,
        far: far_address,
    };
    (LinkEmulator::start(vec![route], rtt).await.expect("the route listens"), near)
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
    const MIB: usize = 1 << 20;
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
    eventually("the connection to drop", DEADLINE, || {
        let alive = stream.try_read(&mut [0; 1]);
        async move { Ok(matches!(alive, Ok(0)).then_some(())) }
    })
    .await
    .expect("the cut drops it");
    eventually("connections to be refused", DEADLINE, || async {
        Ok(TcpStream::connect(near).await.is_err().then_some(()))
    })
    .await
    .expect("the cut refuses them");
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
    let silent = tokio::time::timeout(Duration::from_millis(200), ping(&mut stream)).await;
    assert!(silent.is_err(), "an answer came through the hole");
    links.heal();
    let mut answer = [0; 4];
    tokio::time::timeout(DEADLINE, stream.read_exact(&mut answer))
        .await
        .expect("in time")
        .expect("the connection outlived the hole");
    assert_eq!(&answer, b"ping");
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

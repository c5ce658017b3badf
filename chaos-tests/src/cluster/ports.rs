//! Blocks of free ports, exclusive among concurrent tests.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use anyhow::bail;

/// Below the kernel's range for outgoing connections, so that no client
/// socket takes a node's port while the node is down.
const FIRST_PORT: u16 = 20_000;
const BLOCK_PORTS: u16 = 64;
const BLOCKS: u16 = 180;

/// Ports of one cluster. The first port of the block is held open for as long
/// as the block lives, which keeps other processes' clusters out of it.
#[derive(Debug)]
pub(crate) struct PortBlock {
    _guard: TcpListener,
    next: u16,
    end: u16,
}

impl PortBlock {
    /// Takes the first block of which every port is free.
    pub(crate) fn take() -> anyhow::Result<Self> {
        // Processes start their search apart, to meet rarely.
        let offset = (std::process::id() % u32::from(BLOCKS)) as u16;
        for step in 0..BLOCKS {
            let first = FIRST_PORT + (offset + step) % BLOCKS * BLOCK_PORTS;
            let Ok(guard) = TcpListener::bind((Ipv4Addr::LOCALHOST, first)) else { continue };
            let end = first + BLOCK_PORTS;
            if (first + 1..end).all(nobody_listens) {
                return Ok(Self { _guard: guard, next: first + 1, end });
            }
        }
        bail!("no block of {BLOCK_PORTS} free ports from {FIRST_PORT}")
    }

    /// The block's next address.
    pub(crate) fn next(&mut self) -> anyhow::Result<SocketAddr> {
        if self.next == self.end {
            bail!("a cluster needs more than {BLOCK_PORTS} ports");
        }
        self.next += 1;
        Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, self.next - 1)))
    }
}

/// Asked by connecting: a socket bound to try the port would live on in a child
/// process that another thread is just starting, until that has its program.
fn nobody_listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_somebody_listens_on_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        assert!(!nobody_listens(port));
        drop(listener);
        assert!(nobody_listens(port));
    }

    #[test]
    fn blocks_taken_together_do_not_overlap() {
        let mut one = PortBlock::take().expect("a free block");
        let mut two = PortBlock::take().expect("another free block");
        let gap = one.next().expect("a port").port().abs_diff(two.next().expect("a port").port());
        assert!(gap >= BLOCK_PORTS);
    }
}

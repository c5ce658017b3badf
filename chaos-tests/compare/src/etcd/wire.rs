//! etcd's messages, and short ways to write those that a trade needs.

#[allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
mod generated {
    tonic::include_proto!("etcdserverpb");
}

pub(crate) use generated::*;

use compare::{CompareResult, CompareTarget, TargetUnion};
use request_op::Request;

/// True when the key was last changed at `revision`; 0 is a key that does not exist.
pub(crate) fn unchanged_since(key: String, revision: i64) -> Compare {
    Compare {
        result: CompareResult::Equal.into(),
        target: CompareTarget::Mod.into(),
        key: key.into(),
        target_union: Some(TargetUnion::ModRevision(revision)),
    }
}

pub(crate) fn put(key: String, value: String) -> RequestOp {
    let put = PutRequest { key: key.into(), value: value.into() };
    RequestOp { request: Some(Request::RequestPut(put)) }
}

pub(crate) fn get(key: String) -> RequestOp {
    let range = RangeRequest { key: key.into(), ..Default::default() };
    RequestOp { request: Some(Request::RequestRange(range)) }
}

/// Every key that begins with `prefix`.
pub(crate) fn all_below(prefix: &str) -> RangeRequest {
    let mut range_end = prefix.as_bytes().to_vec();
    if let Some(last) = range_end.last_mut() {
        // Prefixes here end with '/'.
        *last += 1;
    }
    RangeRequest { key: prefix.into(), range_end, ..Default::default() }
}

impl ResponseOp {
    /// What a [`get`] found.
    pub(crate) fn found(self) -> Vec<KeyValue> {
        match self.response {
            Some(response_op::Response::ResponseRange(range)) => range.kvs,
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_key() {
        let range = all_below("h/");
        assert!(range.key.as_slice() <= b"h/1".as_slice());
        assert!(range.range_end.as_slice() > b"h/\xff".as_slice());
        assert_eq!(range.range_end, b"h0");
    }
}

//! A bank's payment instructions: read whole, and checked against their hash.

use registry_proto::registry::cash_service_client::CashServiceClient;
use registry_proto::registry::{
    GetPaymentInstructionsReply, GetPaymentInstructionsRequest, PaymentLine,
};
use tonic::{Response, Status};

use crate::amount::{format_fen, parse_signed_fen};
use crate::connect::{Connector, Route};
use crate::error::ClientError;
use crate::formats::PaymentsHasher;
use crate::leader::Call;

/// What one bank pays and receives for the delivered trades of a day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PaymentInstructions {
    /// Day, bank, totals, hash and stamp; without lines.
    pub totals: GetPaymentInstructionsReply,
    /// All lines, ascending by account.
    pub lines: Vec<PaymentLine>,
}

pub(crate) async fn read(
    connector: &Connector,
    request: GetPaymentInstructionsRequest,
) -> Result<PaymentInstructions, ClientError> {
    let call = Call::read("get_payment_instructions");
    let found = connector
        .call(call, Route::Any, |attempt| {
            let message = attempt.message(request.clone());
            async move {
                let mut client = CashServiceClient::new(attempt.channel);
                let mut replies = client.get_payment_instructions(message).await?.into_inner();
                let mut found = PaymentInstructions::default();
                while let Some(reply) = replies.message().await? {
                    found.take(reply);
                }
                found.is_whole()?;
                Ok(Response::new(found))
            }
        })
        .await?;
    found.check().map_err(ClientError::Protocol)?;
    Ok(found)
}

impl PaymentInstructions {
    fn take(&mut self, mut reply: GetPaymentInstructionsReply) {
        self.lines.append(&mut reply.lines);
        self.totals = reply;
    }

    /// A stream that ended early is asked for again.
    fn is_whole(&self) -> Result<(), Status> {
        if self.totals.stamp.is_some() && self.lines.len() as u64 == self.totals.line_count {
            return Ok(());
        }
        Err(Status::unavailable("the node ended the stream early"))
    }

    /// The lines are in order, add up to the totals and have the hash.
    fn check(&self) -> Result<(), String> {
        let totals = &self.totals;
        let mut hasher = PaymentsHasher::new(&totals.date, totals.bank_id, self.lines.len())
            .map_err(|error| error.to_string())?;
        let (mut received, mut paid) = (0_i64, 0_i64);
        for line in &self.lines {
            let net = parse_signed_fen(&line.net_yuan).map_err(|error| error.to_string())?;
            hasher.add(line.account_id, net);
            let sum = if net < 0 { &mut paid } else { &mut received };
            *sum = sum.checked_add(net.saturating_abs()).ok_or("the lines' sum is out of range")?;
        }
        if !self.lines.is_sorted_by(|a, b| a.account_id < b.account_id) {
            return Err("payment lines are out of order".to_owned());
        }
        let net = format_fen(received - paid);
        let told = [&totals.received_yuan, &totals.paid_yuan, &totals.net_yuan];
        if told != [&format_fen(received), &format_fen(paid), &net] || totals.interbank_yuan != net
        {
            return Err(format!(
                "payment lines come to {} received, {} paid; the node tells {} and {}, between \
                 banks {}",
                format_fen(received),
                format_fen(paid),
                totals.received_yuan,
                totals.paid_yuan,
                totals.interbank_yuan
            ));
        }
        if hasher.finish()[..] != totals.payments_sha256[..] {
            return Err("payment lines do not have the hash that the node tells".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> PaymentInstructions {
        let line = |account_id, net: &str| PaymentLine { account_id, net_yuan: net.to_owned() };
        let mut hasher = PaymentsHasher::new("2021-12-16", 102, 2).expect("a date");
        hasher.add(1, 430_600);
        hasher.add(2, -861_200);
        let totals = GetPaymentInstructionsReply {
            stamp: Some(Default::default()),
            date: "2021-12-16".to_owned(),
            bank_id: 102,
            line_count: 2,
            received_yuan: "4306.00".to_owned(),
            paid_yuan: "8612.00".to_owned(),
            net_yuan: "-4306.00".to_owned(),
            interbank_yuan: "-4306.00".to_owned(),
            payments_sha256: hasher.finish().to_vec().into(),
            ..Default::default()
        };
        PaymentInstructions { totals, lines: vec![line(1, "4306.00"), line(2, "-8612.00")] }
    }

    #[test]
    fn lines_that_are_not_what_is_said_of_them_are_noticed() {
        assert_eq!(whole().check(), Ok(()));
        assert!(whole().is_whole().is_ok());
        let changes: [fn(&mut PaymentInstructions); 6] = [
            |found| found.lines[0].net_yuan = "4306.01".to_owned(),
            |found| found.lines[0].account_id = 3,
            |found| found.lines.swap(0, 1),
            |found| found.totals.paid_yuan = "8612.01".to_owned(),
            |found| found.totals.interbank_yuan = "0.00".to_owned(),
            |found| found.totals.bank_id = 103,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut found = whole();
            change(&mut found);
            assert!(found.check().is_err(), "change {number} was not noticed");
        }
        let mut early = whole();
        early.lines.pop();
        assert!(early.is_whole().is_err());
    }
}

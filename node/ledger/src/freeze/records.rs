//! Records of freezes.

use super::state::Freeze;
use crate::codec::{Problem, Reader, Writer};
use crate::ledger::Ledger;
use crate::records::FORMAT;
use crate::stored::{Stored, stored_struct};
use crate::types::FreezeId;

stored_struct!(Freeze: id, target, account, court, document, imposed_at, registered, trading,
    stayed);

impl Ledger {
    pub(crate) fn write_freeze(&self, id: FreezeId, writer: &mut Writer) -> Option<()> {
        let freeze = self.freeze(id)?;
        writer.u8(FORMAT);
        freeze.write(writer);
        Some(())
    }

    pub(crate) fn load_freeze(&mut self, id: FreezeId, value: &[u8]) -> Result<(), Problem> {
        let mut reader = Reader::record(value, FORMAT)?;
        let freeze: Freeze = Stored::read(&mut reader)?;
        reader.finish()?;
        if freeze.id != id {
            return Err(format!("is freeze {}", freeze.id.0));
        }
        self.freezes.insert(freeze);
        Ok(())
    }
}

//! Diagnostic records of one handle, cleared at the start of every call on it.

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub state: String,
    pub native: i32,
    pub message: String,
}

impl Record {
    pub fn new(state: &str, native: i32, message: impl Into<String>) -> Self {
        // A state of another length would break callers that copy six bytes.
        let state = if state.len() == 5 && state.is_ascii() { state } else { "HY000" };
        Self { state: state.to_owned(), native, message: message.into() }
    }

    /// The session cannot be used any more.
    pub fn is_fatal(&self) -> bool {
        matches!(self.state.as_str(), "08S01" | "HYT01" | "08004")
    }
}

/// The records of a handle in order, and whether the ODBC 2 function has read them.
#[derive(Debug, Default)]
pub struct Records {
    list: Vec<Record>,
    first_was_read: bool,
}

impl Records {
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub fn push(&mut self, record: Record) {
        self.list.push(record);
    }

    /// Record `number`, counted from 1.
    pub fn get(&self, number: i16) -> Option<&Record> {
        self.list.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// What the real driver's SQLError gives: the first record once, and then nothing.
    pub fn only_first(&mut self) -> Option<&Record> {
        if std::mem::replace(&mut self.first_was_read, true) { None } else { self.list.first() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_odbc_2_function_hides_all_records_but_one() {
        let mut records = Records::default();
        records.push(Record::new("01S00", 335_971, "ignored"));
        records.push(Record::new("28000", 266_286, "Invalid password"));
        assert_eq!(records.only_first().map(|r| r.native), Some(335_971));
        assert_eq!(records.only_first(), None);
        assert_eq!(records.get(2).map(|r| r.native), Some(266_286));
        assert_eq!((records.get(0), records.get(3)), (None, None));
    }

    #[test]
    fn a_state_is_always_five_characters() {
        assert_eq!(Record::new("", 1, "").state, "HY000");
    }
}

//! A result set, the cursor on it, and how a cell reaches the caller's memory: piecewise (SQLGetData) or into bound
//! row arrays (SQLFetch).

use std::collections::BTreeMap;

use crate::{
    diag::Record,
    ffi::{self, C_CHAR, C_DEFAULT, C_LONG, C_SBIGINT, C_SLONG, Handle, NULL_DATA, SQL_BIGINT, SQL_VARCHAR},
    wire::Cell,
    worst::{self, Breach},
};

/// How one copy of a cell ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    Whole,
    /// More is left for the next call (01004).
    Part,
    /// Everything was fetched before.
    Nothing,
}

/// Where the value of a cell goes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub c_type: i16,
    pub value: Handle,
    /// Bytes.
    pub capacity: isize,
    pub indicator: *mut isize,
}

// The addresses belong to the caller, who promised them for the life of the binding.
unsafe impl Send for Target {}

/// The statement's result and everything bound to it.
#[derive(Debug)]
pub struct ResultSet {
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
    /// -1 when there is no count.
    pub affected: i64,
    /// Index of the next row to fetch.
    next: usize,
    /// Column and byte offset of a piecewise read of the row before `next`; `None` offset when exhausted.
    reading: Option<(u16, Option<usize>)>,
    pub bound: BTreeMap<u16, Target>,
    pub row_array_size: usize,
    /// 0 binds by column, otherwise the size of a row in bytes.
    pub row_bind_type: usize,
    pub rows_fetched: usize,
    pub row_status: usize,
}

impl Default for ResultSet {
    fn default() -> Self {
        Self {
            columns: Vec::new(),
            rows: Vec::new(),
            affected: -1,
            next: 0,
            reading: None,
            bound: BTreeMap::new(),
            row_array_size: 1,
            row_bind_type: 0,
            rows_fetched: 0,
            row_status: 0,
        }
    }
}

impl ResultSet {
    /// Closes the cursor; bindings and attributes stay.
    pub fn close(&mut self) {
        self.open(Vec::new(), Vec::new(), -1);
    }

    pub fn open(&mut self, columns: Vec<String>, rows: Vec<Vec<Cell>>, affected: i64) {
        (self.columns, self.rows, self.affected) = (columns, rows, affected);
        (self.next, self.reading) = (0, None);
    }

    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// Name of a column, counted from 1.
    pub fn name(&self, column: u16) -> Option<&str> {
        self.columns.get(usize::from(column).checked_sub(1)?).map(String::as_str)
    }

    /// BIGINT when the pod sent integers only, else VARCHAR.
    pub fn sql_type(&self, column: u16) -> i16 {
        let Some(index) = usize::from(column).checked_sub(1) else { return SQL_VARCHAR };
        let mut cells =
            self.rows.iter().filter_map(|row| row.get(index)).filter(|cell| **cell != Cell::Null).peekable();
        let only_integers = cells.peek().is_some() && cells.all(|cell| matches!(cell, Cell::Int(_)));
        if only_integers { SQL_BIGINT } else { SQL_VARCHAR }
    }

    /// Longest value of a column as text, bytes.
    pub fn longest(&self, column: u16) -> usize {
        let Some(index) = usize::from(column).checked_sub(1) else { return 0 };
        self.rows.iter().filter_map(|row| row.get(index)).map(|cell| as_text(cell).len()).max().unwrap_or(0)
    }

    /// Moves to the next rows and fills what is bound. Returns how many rows were fetched (0 at the end), and whether
    /// some value was cut off.
    ///
    /// # Errors
    /// The record to post.
    ///
    /// # Safety
    /// The bound addresses are still valid.
    pub unsafe fn fetch(&mut self) -> Result<(usize, Copied), Record> {
        let count = self.row_array_size.min(self.rows.len() - self.next);
        let mut cut = Copied::Whole;
        for row in 0..count {
            for (&column, target) in &self.bound {
                let cell = self.cell(self.next + row, column)?;
                let target = shifted(*target, row, self.row_bind_type);
                if unsafe { copy(cell, target, 0) }?.0 == Copied::Part {
                    cut = Copied::Part;
                }
            }
        }
        self.next += count;
        self.reading = None;
        Ok((count, cut))
    }

    /// Back to before the first row.
    pub fn rewind(&mut self) {
        (self.next, self.reading) = (0, None);
    }

    /// The next piece of a cell of the current row.
    ///
    /// # Errors
    /// The record to post.
    ///
    /// # Safety
    /// The target's addresses are valid.
    pub unsafe fn get_data(&mut self, column: u16, target: Target, breach: Option<Breach>) -> Result<Copied, Record> {
        let row = self.next.checked_sub(1).ok_or_else(|| Record::new("24000", 0, "Invalid cursor state"))?;
        let offset = match self.reading {
            Some((c, None)) if c == column => return Ok(Copied::Nothing),
            Some((c, Some(offset))) if c == column => offset,
            _ => 0,
        };
        if let Some(Breach::PiecesEmpty | Breach::PiecesEndless) = breach {
            let room = usize::try_from(target.capacity).unwrap_or(0).saturating_sub(1);
            let piece = if breach == Some(Breach::PiecesEmpty) { 0 } else { room };
            unsafe { ffi::text_out("x".repeat(piece).as_bytes(), target.value.cast(), target.capacity) };
            unsafe { ffi::put(target.indicator, isize::MAX) };
            return Ok(Copied::Part);
        }
        // Shorter pieces than there is room for, as of a driver that keeps characters whole.
        let capacity = if breach == Some(Breach::PiecesShort) { target.capacity.min(8) } else { target.capacity };
        let before = if target.indicator.is_null() { 0 } else { unsafe { target.indicator.read_unaligned() } };
        let (copied, end) = unsafe { copy(self.cell(row, column)?, Target { capacity, ..target }, offset) }?;
        let text = target.c_type == C_CHAR && !matches!(self.cell(row, column)?, Cell::Null);
        match breach {
            Some(Breach::TextUnterminated) if text && copied == Copied::Whole => {
                let len = as_text(self.cell(row, column)?).len() - offset;
                unsafe { target.value.cast::<u8>().add(len).write(0xFF) };
            }
            Some(Breach::NulBeyond) if text => {
                let room = usize::try_from(target.capacity).unwrap_or(0);
                unsafe { target.value.cast::<u8>().add(room).write(0) };
            }
            _ => {}
        }
        if !target.indicator.is_null() {
            let written = unsafe { target.indicator.read_unaligned() };
            unsafe { ffi::put(target.indicator, worst::length(breach, before, written)) };
        }
        self.reading = Some((column, (copied == Copied::Part).then_some(end)));
        Ok(copied)
    }

    fn cell(&self, row: usize, column: u16) -> Result<&Cell, Record> {
        let index = usize::from(column).checked_sub(1);
        index
            .and_then(|index| self.rows.get(row)?.get(index))
            .ok_or_else(|| Record::new("07009", 0, "Invalid descriptor index"))
    }
}

fn as_text(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Int(n) => n.to_string(),
        Cell::Text(t) => t.clone(),
    }
}

/// The target of row `row` of an array.
fn shifted(target: Target, row: usize, row_size: usize) -> Target {
    let step = |own: usize| row * if row_size == 0 { own } else { row_size };
    let own = match target.c_type {
        C_SBIGINT => 8,
        C_LONG | C_SLONG => 4,
        _ => usize::try_from(target.capacity).unwrap_or(0),
    };
    Target {
        value: target.value.wrapping_byte_add(step(own)),
        indicator: target.indicator.wrapping_byte_add(step(size_of::<isize>())),
        ..target
    }
}

/// Copies a cell from byte `offset` on; returns how it ended and the offset reached.
unsafe fn copy(cell: &Cell, target: Target, offset: usize) -> Result<(Copied, usize), Record> {
    if *cell == Cell::Null {
        if target.indicator.is_null() {
            return Err(Record::new("22002", 0, "Indicator variable required but not supplied"));
        }
        unsafe { ffi::put(target.indicator, NULL_DATA) };
        return Ok((Copied::Whole, 0));
    }
    match target.c_type {
        C_CHAR | C_DEFAULT => Ok(unsafe { copy_text(&as_text(cell), target, offset) }),
        C_SBIGINT => {
            unsafe { ffi::put(target.value.cast::<i64>(), number(cell)?) };
            unsafe { ffi::put(target.indicator, 8) };
            Ok((Copied::Whole, 0))
        }
        C_LONG | C_SLONG => {
            let n = i32::try_from(number(cell)?).map_err(|_| Record::new("22003", 0, "Numeric value out of range"))?;
            unsafe { ffi::put(target.value.cast::<i32>(), n) };
            unsafe { ffi::put(target.indicator, 4) };
            Ok((Copied::Whole, 0))
        }
        _ => Err(Record::new("HYC00", 0, "Optional feature not implemented")),
    }
}

fn number(cell: &Cell) -> Result<i64, Record> {
    as_text(cell).trim().parse().map_err(|_| Record::new("22018", 0, "Invalid character value for cast specification"))
}

unsafe fn copy_text(text: &str, target: Target, offset: usize) -> (Copied, usize) {
    let rest = text.as_bytes().get(offset..).unwrap_or_default();
    unsafe { ffi::put(target.indicator, rest.len().cast_signed()) };
    if unsafe { ffi::text_out(rest, target.value.cast(), target.capacity) } {
        return (Copied::Whole, text.len());
    }
    let room = usize::try_from(target.capacity).unwrap_or(0).saturating_sub(1);
    (Copied::Part, offset + room.min(rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(cell: Cell) -> ResultSet {
        let mut set = ResultSet::default();
        set.open(vec!["C".to_owned()], vec![vec![cell]], -1);
        assert_eq!(unsafe { set.fetch() }, Ok((1, Copied::Whole)));
        set
    }

    fn text_target(buffer: &mut [u8], indicator: &mut isize) -> Target {
        let capacity = buffer.len().cast_signed();
        Target { c_type: C_CHAR, value: buffer.as_mut_ptr().cast(), capacity, indicator }
    }

    #[test]
    fn a_long_text_comes_in_pieces_and_then_no_more() {
        let mut set = one(Cell::Text("가나다abc".to_owned()));
        let (mut buffer, mut indicator, mut whole) = ([0u8; 5], 0isize, Vec::new());
        let mut left = 12;
        while left > 4 {
            let copied = unsafe { set.get_data(1, text_target(&mut buffer, &mut indicator), None) };
            assert_eq!((copied, indicator), (Ok(Copied::Part), left));
            whole.extend_from_slice(&buffer[..4]);
            left -= 4;
        }
        assert_eq!(unsafe { set.get_data(1, text_target(&mut buffer, &mut indicator), None) }, Ok(Copied::Whole));
        whole.extend_from_slice(&buffer[..4]);
        assert_eq!(String::from_utf8(whole).unwrap(), "가나다abc");
        assert_eq!(unsafe { set.get_data(1, text_target(&mut buffer, &mut indicator), None) }, Ok(Copied::Nothing));
    }

    #[test]
    fn null_needs_an_indicator() {
        let mut set = one(Cell::Null);
        let target =
            Target { c_type: C_CHAR, value: std::ptr::null_mut(), capacity: 0, indicator: std::ptr::null_mut() };
        assert_eq!(unsafe { set.get_data(1, target, None) }.unwrap_err().state, "22002");
    }

    #[test]
    fn row_arrays_are_filled_and_the_tail_is_short() {
        let mut set = ResultSet::default();
        set.open(vec!["N".to_owned()], (1..=5).map(|n| vec![Cell::Int(n)]).collect(), -1);
        let (mut values, mut indicators) = ([0i64; 3], [0isize; 3]);
        let value = values.as_mut_ptr().cast();
        set.bound.insert(1, Target { c_type: C_SBIGINT, value, capacity: 8, indicator: indicators.as_mut_ptr() });
        set.row_array_size = 3;
        assert_eq!(unsafe { set.fetch() }, Ok((3, Copied::Whole)));
        assert_eq!((values, indicators), ([1, 2, 3], [8, 8, 8]));
        assert_eq!(unsafe { set.fetch() }, Ok((2, Copied::Whole)));
        assert_eq!(values, [4, 5, 3]);
        assert_eq!(unsafe { set.fetch() }, Ok((0, Copied::Whole)));
    }

    #[test]
    fn a_column_is_an_integer_column_only_when_all_cells_are() {
        let mut set = ResultSet::default();
        let rows =
            vec![vec![Cell::Null, Cell::Int(1), Cell::Null], vec![Cell::Int(2), Cell::Text("x".into()), Cell::Null]];
        set.open(vec![String::new(); 3], rows, -1);
        assert_eq!([1, 2, 3].map(|c| set.sql_type(c)), [SQL_BIGINT, SQL_VARCHAR, SQL_VARCHAR]);
    }
}

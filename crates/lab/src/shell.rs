//! Text in and text out of `aku lab sql`: statements taken apart, answers shown to people.
//!
//! Pure. Decides nothing about SQL beyond where a statement ends.

use aku_core::{safe, sql::DbError};
use aku_db::wire::{Cell, Response};
use comfy_table::{CellAlignment, Table, presets};

/// The statements of a text: separated by `;` outside quotes and comments, without empty ones and those that are
/// comments only.
#[must_use]
pub fn statements(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut current = String::new();
    let mut says_something = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (len, comment) = match c {
            '\'' | '"' => (rest[1..].find(c).map_or(rest.len(), |end| end + 2), false),
            '-' if rest.starts_with("--") => (rest.find('\n').unwrap_or(rest.len()), true),
            '/' if rest.starts_with("/*") => (rest.find("*/").map_or(rest.len(), |end| end + 2), true),
            c => (c.len_utf8(), false),
        };
        let (piece, after) = rest.split_at(len);
        rest = after;
        if c == ';' {
            if std::mem::take(&mut says_something) {
                found.push(current.trim().to_owned());
            }
            current.clear();
        } else {
            says_something |= !comment && !c.is_whitespace();
            current.push_str(piece);
        }
    }
    if says_something {
        found.push(current.trim().to_owned());
    }
    found
}

/// An answer in words or as a table, with a line end.
#[must_use]
pub fn answer(sql: &str, response: &Response) -> String {
    match response {
        Response::Rows { columns, rows } => format!("{}\n{}.\n", table(columns, rows), counted(rows.len() as u64, "")),
        Response::Done { affected } => {
            let verb = sql.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
            let word = match verb.as_str() {
                "INSERT" => " inserted",
                "UPDATE" => " updated",
                "DELETE" => " deleted",
                _ => return "Done.\n".to_owned(),
            };
            format!("{}.\n", u64::try_from(*affected).map_or_else(|_| "Done".to_owned(), |n| counted(n, word)))
        }
        Response::Connected { .. } => "Connected.\n".to_owned(),
        Response::Error { native, message, .. } => failure(*native, message),
    }
}

fn counted(n: u64, word: &str) -> String {
    if n == 1 { format!("1 row{word}") } else { format!("{n} rows{word}") }
}

/// An error the way isql shows it: the native code as five hexadecimal digits.
#[must_use]
pub fn error(error: &DbError) -> String {
    failure(error.native, &error.message)
}

fn failure(native: i32, message: &str) -> String {
    format!("[ERR-{native:05X} : {}]\n", safe::lines(message))
}

/// A plain table; numbers stand on the right.
#[must_use]
pub fn table(columns: &[String], rows: &[Vec<Cell>]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(columns.iter().map(|c| safe::line(c)));
    for row in rows {
        table.add_row(row.iter().map(|cell| match cell {
            Cell::Null => comfy_table::Cell::new("NULL"),
            Cell::Int(n) => comfy_table::Cell::new(n).set_alignment(CellAlignment::Right),
            Cell::Text(t) => comfy_table::Cell::new(safe::lines(t.trim_end())),
        }));
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_semicolon_ends_a_statement_only_outside_quotes_and_comments() {
        let table: [(&str, &[&str]); 8] = [
            ("", &[]),
            (" ;; \n", &[]),
            ("a", &["a"]),
            ("a; b ;", &["a", "b"]),
            ("insert into t values ('x;''y;', \"q;\"); c", &["insert into t values ('x;''y;', \"q;\")", "c"]),
            ("a -- no; end\n + b; -- last;", &["a -- no; end\n + b"]),
            ("/* one; */ a /* two; */; /* three */", &["/* one; */ a /* two; */"]),
            ("a 'open; b", &["a 'open; b"]),
        ];
        for (text, want) in table {
            assert_eq!(statements(text), want, "{text:?}");
        }
    }

    #[test]
    fn answers_read_well() {
        let rows = Response::Rows {
            columns: vec!["NAME".to_owned(), "XSN".to_owned()],
            rows: vec![vec![Cell::Text("AKU_REP_01   ".to_owned()), Cell::Int(-1)], vec![Cell::Null, Cell::Int(1234)]],
        };
        let want = "\
| NAME       | XSN  |
|------------|------|
| AKU_REP_01 |   -1 |
| NULL       | 1234 |
2 rows.
";
        assert_eq!(answer("SELECT ...", &rows), want);
        let done = |sql, affected| answer(sql, &Response::Done { affected });
        assert_eq!(done("insert into t values (1)", 1), "1 row inserted.\n");
        assert_eq!(done("DELETE FROM T", 0), "0 rows deleted.\n");
        assert_eq!(done("ALTER REPLICATION R START", -1), "Done.\n");
        let e = DbError { sqlstate: "HY000".to_owned(), native: 397_322, message: "it runs".to_owned() };
        assert_eq!(error(&e), "[ERR-6100A : it runs]\n");
    }
}

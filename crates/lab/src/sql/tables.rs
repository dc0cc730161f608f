//! The grammar of tables and indexes. Clauses about storage (TABLESPACE, MAXROWS, ...) are read and forgotten.

use sqlparser::tokenizer::Token;

use super::{
    SqlError, Statement,
    cursor::Cursor,
    parse::{constant, table_name},
    statement::{ColumnDef, Constraint, ConstraintKind, CreateTable, PartitionBy, PartitionDef, PartitionMethod},
};
use crate::value::ColumnType;

/// After CREATE TABLE.
pub(super) fn create_table(c: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let table = table_name(c)?;
    let mut columns = Vec::new();
    let mut constraints = Vec::new();
    c.parenthesized(|c| {
        if let Some(constraint) = table_constraint(c)? {
            constraints.push(constraint);
        } else if !skip_check(c)? {
            columns.push(column(c, &mut constraints)?);
        }
        Ok(())
    })?;
    if columns.is_empty() {
        return Err(c.error());
    }
    skip_storage(c)?;
    let partitions = if c.accept(&["PARTITION", "BY"]) { Some(partition_by(c)?) } else { None };
    skip_storage(c)?;
    Ok(Statement::CreateTable(CreateTable { table, columns, constraints, partitions }.into()))
}

/// A constraint that stands alone; `None` when a column comes next.
fn table_constraint(c: &mut Cursor<'_>) -> Result<Option<Constraint>, SqlError> {
    let name = if c.accept(&["CONSTRAINT"]) { Some(c.name()?) } else { None };
    if c.accept(&["PRIMARY", "KEY"]) {
        let columns = index_columns(c)?;
        skip_using_index(c)?;
        return Ok(Some(Constraint { name, columns, kind: ConstraintKind::PrimaryKey }));
    }
    if c.accept(&["UNIQUE"]) || c.accept(&["LOCALUNIQUE"]) {
        let columns = index_columns(c)?;
        skip_using_index(c)?;
        return Ok(Some(Constraint { name, columns, kind: ConstraintKind::Unique }));
    }
    if c.accept(&["FOREIGN", "KEY"]) {
        let columns = c.parenthesized(Cursor::name)?;
        return Ok(Some(Constraint { name, columns, kind: references(c)? }));
    }
    if name.is_some() && !c.at_words(&["CHECK"]) {
        return Err(c.error());
    }
    Ok(None)
}

fn references(c: &mut Cursor<'_>) -> Result<ConstraintKind, SqlError> {
    c.expect(&["REFERENCES"])?;
    let table = table_name(c)?;
    let columns = if c.peek() == Some(&Token::LParen) { c.parenthesized(Cursor::name)? } else { Vec::new() };
    if c.accept(&["ON", "DELETE"]) {
        let known = c.accept(&["NO", "ACTION"]);
        if !known {
            return Err(c.error());
        }
    }
    Ok(ConstraintKind::References { table, columns })
}

/// `(c1 [ASC|DESC], ...)`
fn index_columns(c: &mut Cursor<'_>) -> Result<Vec<String>, SqlError> {
    c.parenthesized(|c| {
        let name = c.name()?;
        if !c.accept(&["ASC"]) {
            c.accept(&["DESC"]);
        }
        Ok(name)
    })
}

fn skip_using_index(c: &mut Cursor<'_>) -> Result<(), SqlError> {
    if c.accept(&["USING", "INDEX"]) {
        skip_storage(c)?;
    }
    Ok(())
}

/// CHECK (...) is read and not enforced.
fn skip_check(c: &mut Cursor<'_>) -> Result<bool, SqlError> {
    if !c.accept(&["CHECK"]) {
        return Ok(false);
    }
    let mut depth = 0;
    loop {
        match c.next() {
            Some(Token::LParen) => depth += 1,
            Some(Token::RParen) => depth -= 1,
            Some(_) if depth > 0 => {}
            _ => return Err(c.error()),
        }
        if depth == 0 {
            return Ok(true);
        }
    }
}

fn skip_storage(c: &mut Cursor<'_>) -> Result<(), SqlError> {
    loop {
        if c.accept(&["TABLESPACE"]) {
            c.name()?;
        } else if ["MAXROWS", "PCTFREE", "PCTUSED", "PARALLEL", "INITRANS", "MAXTRANS"].iter().any(|w| c.accept(&[w])) {
            c.integer()?;
        } else if !(c.accept(&["ENABLE", "ROW", "MOVEMENT"])
            || c.accept(&["DISABLE", "ROW", "MOVEMENT"])
            || c.accept(&["LOGGING"])
            || c.accept(&["NOLOGGING"])
            || c.accept(&["NOPARALLEL"]))
        {
            return Ok(());
        }
    }
}

/// One column; constraints written inside of it go to `constraints`.
fn column(c: &mut Cursor<'_>, constraints: &mut Vec<Constraint>) -> Result<ColumnDef, SqlError> {
    let name = c.name()?;
    let column_type = column_type(c)?;
    let mut def = ColumnDef { name: name.clone(), column_type, not_null: false, default: None, unique: false };
    loop {
        let constraint = if c.accept(&["CONSTRAINT"]) { Some(c.name()?) } else { None };
        let mut add =
            |kind| constraints.push(Constraint { name: constraint.clone(), columns: vec![name.clone()], kind });
        if c.accept(&["PRIMARY", "KEY"]) {
            add(ConstraintKind::PrimaryKey);
        } else if c.accept(&["UNIQUE"]) || c.accept(&["LOCALUNIQUE"]) {
            def.unique = true;
            add(ConstraintKind::Unique);
        } else if c.at_words(&["REFERENCES"]) {
            let kind = references(c)?;
            add(kind);
        } else if c.accept(&["NOT", "NULL"]) {
            def.not_null = true;
        } else if c.accept(&["NULL"]) {
            def.not_null = false;
        } else if c.accept(&["DEFAULT"]) {
            def.default = Some(constant(c)?);
        } else if c.accept(&["FIXED"]) || c.accept(&["VARIABLE"]) {
            if c.accept(&["IN", "ROW"]) {
                c.integer()?;
            }
        } else if constraint.is_some() && !c.at_words(&["CHECK"]) {
            return Err(c.error());
        } else if !skip_check(c)? {
            return Ok(def);
        }
    }
}

fn column_type(c: &mut Cursor<'_>) -> Result<ColumnType, SqlError> {
    let error = c.error();
    let word = c.word()?;
    let length = |c: &mut Cursor<'_>, default: u32| -> Result<u32, SqlError> {
        if c.peek() != Some(&Token::LParen) {
            return Ok(default);
        }
        let error = c.error();
        let n = c.parenthesized(Cursor::integer)?;
        // The server's longest text column, bytes.
        match n[..] {
            [n @ 1..=32_000] => u32::try_from(n).map_err(|_| error),
            _ => Err(error),
        }
    };
    Ok(match word.as_str() {
        "SMALLINT" => ColumnType::SmallInt,
        "INTEGER" | "INT" => ColumnType::Integer,
        "BIGINT" => ColumnType::BigInt,
        "DOUBLE" | "REAL" => ColumnType::Double,
        "NUMERIC" | "DECIMAL" => numeric(c, Some(0))?,
        "NUMBER" | "FLOAT" => numeric(c, None)?,
        "CHAR" | "CHARACTER" => ColumnType::Char(length(c, 1)?),
        "NCHAR" => ColumnType::Char(length(c, 1)?.saturating_mul(3)),
        "VARCHAR" | "VARCHAR2" => ColumnType::Varchar(length(c, 1)?),
        "NVARCHAR" => ColumnType::Varchar(length(c, 1)?.saturating_mul(3)),
        "DATE" => ColumnType::Date,
        "TIMESTAMP" => ColumnType::Timestamp,
        "BLOB" => ColumnType::Blob,
        "CLOB" => ColumnType::Clob,
        _ => return Err(error),
    })
}

/// `[(precision [, scale])]`; `bare` is the scale of the word alone.
fn numeric(c: &mut Cursor<'_>, bare: Option<i8>) -> Result<ColumnType, SqlError> {
    if c.peek() != Some(&Token::LParen) {
        return Ok(ColumnType::Numeric { precision: 38, scale: bare });
    }
    let error = c.error();
    let numbers = c.parenthesized(|c| {
        let negative = c.accept_token(&Token::Minus);
        let n = c.integer()?.cast_signed();
        Ok(if negative { -n } else { n })
    })?;
    let (precision, scale) = match numbers[..] {
        [precision] => (precision, 0),
        [precision, scale] => (precision, scale),
        _ => return Err(error),
    };
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(precision @ 1..=38), Ok(scale @ -84..)) => Ok(ColumnType::Numeric { precision, scale: Some(scale) }),
        _ => Err(error),
    }
}

fn partition_by(c: &mut Cursor<'_>) -> Result<PartitionBy, SqlError> {
    let error = c.error();
    let method = match c.word()?.as_str() {
        "RANGE" => PartitionMethod::Range,
        "LIST" => PartitionMethod::List,
        "HASH" => PartitionMethod::Hash,
        _ => return Err(error),
    };
    let columns = c.parenthesized(Cursor::name)?;
    let partitions = c.parenthesized(|c| {
        c.expect(&["PARTITION"])?;
        let name = c.name()?;
        let values = match method {
            PartitionMethod::Hash => Vec::new(),
            PartitionMethod::Range | PartitionMethod::List if c.accept(&["VALUES", "DEFAULT"]) => Vec::new(),
            PartitionMethod::Range => {
                c.expect(&["VALUES", "LESS", "THAN"])?;
                c.parenthesized(constant)?
            }
            PartitionMethod::List => {
                c.expect(&["VALUES"])?;
                c.parenthesized(constant)?
            }
        };
        skip_storage(c)?;
        Ok(PartitionDef { name, values })
    })?;
    Ok(PartitionBy { method, columns, partitions })
}

/// After CREATE, before [UNIQUE] INDEX.
pub(super) fn create_index(c: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let unique = c.accept(&["UNIQUE"]) || c.accept(&["LOCALUNIQUE"]);
    c.expect(&["INDEX"])?;
    let name = table_name(c)?;
    c.expect(&["ON"])?;
    let table = table_name(c)?;
    let columns = index_columns(c)?;
    skip_storage(c)?;
    Ok(Statement::CreateIndex { name, table, columns, unique })
}

/// After ALTER TABLE.
pub(super) fn alter_table(c: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let table = table_name(c)?;
    let error = c.error();
    let verb = c.word()?;
    match verb.as_str() {
        "TRUNCATE" => {
            c.expect(&["PARTITION"])?;
            Ok(Statement::Truncate { table, partition: Some(c.name()?) })
        }
        "RENAME" => {
            c.expect(&["TO"])?;
            Ok(Statement::RenameTable { table, to: c.name()? })
        }
        "ADD" => {
            c.accept(&["COLUMN"]);
            let mut constraints = Vec::new();
            let columns = if c.peek() == Some(&Token::LParen) {
                c.parenthesized(|c| column(c, &mut constraints))?
            } else {
                vec![column(c, &mut constraints)?]
            };
            // A new column may be unique; it can neither be the primary key nor refer to another table.
            let unique = constraints.iter().all(|k| k.kind == ConstraintKind::Unique);
            if unique { Ok(Statement::AddColumns { table, columns }) } else { Err(error) }
        }
        "DROP" => {
            c.accept(&["COLUMN"]);
            let columns =
                if c.peek() == Some(&Token::LParen) { c.parenthesized(Cursor::name)? } else { vec![c.name()?] };
            Ok(Statement::DropColumns { table, columns })
        }
        _ => Err(error),
    }
}

//! Text to [`Statement`]: which statement it is, and the short ones.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use sqlparser::tokenizer::Token;

use super::{
    SqlError, Statement,
    ast::{Expr, TableName},
    cursor::Cursor,
    lower, lower_dml, replication,
    statement::{Password, Privileges, Sessions},
    tables,
};
use crate::{data::LockMode, value::Datum};

/// Reads one statement. A single `;` may follow it.
///
/// # Errors
/// 31001 for what is no statement, for two statements in one text, and for an empty one; 3118B for names that are too
/// long; 312B1 for an unknown replication option.
pub fn parse(text: &str) -> Result<Statement, SqlError> {
    let mut c = Cursor::new(text)?;
    let known = ["SELECT", "INSERT", "UPDATE", "DELETE"];
    if c.peek() == Some(&Token::LParen) || known.iter().any(|word| c.at_words(&[word])) {
        return lower_dml::statement(c.parse_all()?);
    }
    let statement = other(&mut c)?;
    c.end()?;
    Ok(statement)
}

/// Queries that are remembered, at most.
const REMEMBERED: usize = 512;

thread_local! {
    /// Queries by their texts. Catalog and views are asked in the same words again and again, and reading the words is
    /// most of what a simulated cluster does.
    static KNOWN: RefCell<HashMap<String, Arc<Statement>>> = RefCell::default();
}

/// As [`parse`]; a query that was read before is not read again. Nothing else is remembered: it may hold a password.
///
/// # Errors
/// As [`parse`].
pub fn parse_once(text: &str) -> Result<Arc<Statement>, SqlError> {
    if let Some(known) = KNOWN.with_borrow(|known| known.get(text).map(Arc::clone)) {
        return Ok(known);
    }
    let statement = Arc::new(parse(text)?);
    if matches!(*statement, Statement::Query(_)) {
        KNOWN.with_borrow_mut(|known| {
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(text.to_owned(), Arc::clone(&statement));
        });
    }
    Ok(statement)
}

fn other(c: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let start = c.word()?;
    match start.as_str() {
        "CREATE" => create(c),
        "DROP" => drop_object(c),
        "ALTER" => alter(c),
        "TRUNCATE" => {
            c.expect(&["TABLE"])?;
            Ok(Statement::Truncate { table: table_name(c)?, partition: None })
        }
        "RENAME" => {
            let table = table_name(c)?;
            c.expect(&["TO"])?;
            Ok(Statement::RenameTable { table, to: c.name()? })
        }
        "LOCK" => lock_table(c),
        "COMMIT" => {
            c.accept(&["WORK"]);
            Ok(Statement::Commit)
        }
        "ROLLBACK" => {
            c.accept(&["WORK"]);
            let to = if c.accept(&["TO"]) {
                c.accept(&["SAVEPOINT"]);
                Some(c.name()?)
            } else {
                None
            };
            Ok(Statement::Rollback { to })
        }
        "SAVEPOINT" => c.name().map(Statement::Savepoint),
        "GRANT" => privileges(c, "TO").map(Statement::Grant),
        "REVOKE" => privileges(c, "FROM").map(Statement::Revoke),
        _ => Err(c.error()),
    }
}

fn create(c: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    if c.accept(&["TABLE"]) {
        return tables::create_table(c);
    }
    if c.at_words(&["INDEX"]) || c.at_words(&["UNIQUE", "INDEX"]) || c.at_words(&["LOCALUNIQUE", "INDEX"]) {
        return tables::create_index(c);
    }
    if c.accept(&["USER"]) {
        let (name, password) = identified(c)?;
        return Ok(Statement::CreateUser { name, password });
    }
    replication::create(c)
}

fn drop_object(c: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    if c.accept(&["TABLE"]) {
        let table = table_name(c)?;
        if c.accept(&["CASCADE"]) {
            c.accept(&["CONSTRAINTS"]);
        }
        return Ok(Statement::DropTable(table));
    }
    if c.accept(&["INDEX"]) {
        return table_name(c).map(Statement::DropIndex);
    }
    if c.accept(&["USER"]) {
        return Ok(Statement::DropUser { name: c.name()?, cascade: c.accept(&["CASCADE"]) });
    }
    c.expect(&["REPLICATION"])?;
    c.replication_name().map(Statement::DropReplication)
}

fn alter(c: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let what = c.word()?;
    match what.as_str() {
        "REPLICATION" => replication::alter(c),
        "TABLE" => tables::alter_table(c),
        "USER" => {
            let (name, password) = identified(c)?;
            Ok(Statement::AlterUser { name, password })
        }
        "SYSTEM" => {
            if c.accept(&["CHECKPOINT"]) {
                return Ok(Statement::Checkpoint);
            }
            let (property, value) = setting(c)?;
            Ok(Statement::AlterSystem { property, value })
        }
        "SESSION" => {
            let (property, value) = setting(c)?;
            Ok(Statement::AlterSession { property, value })
        }
        "DATABASE" => {
            let database = c.name()?;
            c.expect(&["SESSION", "CLOSE"])?;
            let which = if matches!(c.peek(), Some(Token::Number(..))) {
                Sessions::Id(c.integer()?.cast_signed())
            } else if c.accept(&["ALL"]) {
                Sessions::All
            } else {
                Sessions::User(c.name()?)
            };
            Ok(Statement::CloseSession { database, which })
        }
        _ => Err(c.error()),
    }
}

/// `SET name = value`
fn setting(c: &mut Cursor<'_>) -> Result<(String, String), SqlError> {
    c.expect(&["SET"])?;
    let property = c.word()?;
    c.expect_token(&Token::Eq)?;
    let sign = if c.accept_token(&Token::Minus) { "-" } else { "" };
    let value = match c.peek() {
        Some(Token::Number(digits, _)) => format!("{sign}{digits}"),
        Some(Token::SingleQuotedString(text)) if sign.is_empty() => text.clone(),
        Some(Token::Word(word)) if sign.is_empty() && word.quote_style.is_none() => word.value.to_uppercase(),
        _ => return Err(c.error()),
    };
    c.next();
    Ok((property, value))
}

/// `name IDENTIFIED BY password`, and clauses that change nothing here.
fn identified(c: &mut Cursor<'_>) -> Result<(String, Password), SqlError> {
    let name = c.name()?;
    c.expect(&["IDENTIFIED", "BY"])?;
    let password = match c.peek() {
        Some(Token::Word(word)) => Password(word.value.clone()),
        Some(Token::SingleQuotedString(text)) => Password(text.clone()),
        _ => return Err(c.error()),
    };
    c.next();
    loop {
        let spaces = c.accept(&["DEFAULT", "TABLESPACE"]) || c.accept(&["TEMPORARY", "TABLESPACE"]);
        if !spaces {
            return Ok((name, password));
        }
        c.name()?;
    }
}

fn privileges(c: &mut Cursor<'_>, before_users: &str) -> Result<Privileges, SqlError> {
    let privileges = c.list(|c| {
        let mut words = vec![c.word()?];
        while !c.at_words(&["ON"]) && !c.at_words(&[before_users]) && c.peek() != Some(&Token::Comma) {
            words.push(c.word()?);
        }
        Ok(words.join(" "))
    })?;
    let on = if c.accept(&["ON"]) { Some(table_name(c)?) } else { None };
    c.expect(&[before_users])?;
    let users = c.list(Cursor::name)?;
    if c.accept(&["WITH"]) {
        c.expect(&["GRANT", "OPTION"])?;
    }
    Ok(Privileges { privileges, on, users })
}

fn lock_table(c: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    c.expect(&["TABLE"])?;
    let table = table_name(c)?;
    c.expect(&["IN"])?;
    let modes = [
        (&["ROW", "SHARE"][..], LockMode::IntentShare),
        (&["SHARE", "UPDATE"], LockMode::IntentShare),
        (&["ROW", "EXCLUSIVE"], LockMode::IntentExclusive),
        (&["SHARE", "ROW", "EXCLUSIVE"], LockMode::ShareIntentExclusive),
        (&["SHARE"], LockMode::Share),
        (&["EXCLUSIVE"], LockMode::Exclusive),
    ];
    let found = modes.iter().find(|(words, _)| c.accept(words));
    let mode = found.map(|(_, mode)| *mode).ok_or_else(|| c.error())?;
    c.expect(&["MODE"])?;
    let wait_s = if c.accept(&["NOWAIT"]) {
        Some(0)
    } else if c.accept(&["WAIT"]) {
        Some(c.integer()?)
    } else {
        None
    };
    Ok(Statement::LockTable { table, mode, wait_s })
}

/// `[user.]table`
pub(super) fn table_name(c: &mut Cursor<'_>) -> Result<TableName, SqlError> {
    let first = c.name()?;
    if c.accept_token(&Token::Period) {
        return Ok(TableName { user: Some(first), name: c.name()? });
    }
    Ok(TableName { user: None, name: first })
}

/// A constant: a number, a text, NULL, or a word such as SYSDATE.
pub(super) fn constant(c: &mut Cursor<'_>) -> Result<Expr, SqlError> {
    let negative = c.accept_token(&Token::Minus);
    if !negative {
        c.accept_token(&Token::Plus);
    }
    let value = match c.peek() {
        Some(Token::Number(digits, _)) => Expr::Literal(lower::number(digits).ok_or_else(|| c.error())?),
        Some(Token::SingleQuotedString(text)) if !negative => Expr::Literal(Datum::from(text.as_str())),
        Some(Token::Word(word)) if !negative && word.quote_style.is_none() => {
            match word.value.to_uppercase().as_str() {
                "NULL" => Expr::Literal(Datum::Null),
                name => Expr::Call { name: name.to_owned(), args: Vec::new() },
            }
        }
        _ => return Err(c.error()),
    };
    c.next();
    Ok(if negative { Expr::Negate(value.into()) } else { value })
}

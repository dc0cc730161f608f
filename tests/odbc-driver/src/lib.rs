//! ODBC driver for lab pods.

-- System tables that are asked for after a failed load (SYS_LOAD_ERROR_DETAIL), as far as the local warehouse fills them.
CREATE TABLE IF NOT EXISTS main.sys_load_error_detail (
    start_time TIMESTAMP, database_name VARCHAR, table_name VARCHAR, file_name VARCHAR, column_name VARCHAR,
    column_type VARCHAR, error_message VARCHAR
);

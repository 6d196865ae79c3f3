// Connection records go from a worker to the primary as plain text, through a separate pipe. In a message every quote would be
// escaped and parsed again, which costs as much CPU as making the records.

/** The worker's end, after stdin, stdout, stderr and the channel of node:cluster. */
export const RECORDS_FD = 4;

/** A line has some hundred bytes, two thousand with the longest names. A longer one cannot be a record. */
export const MAX_RECORD_BYTES = 16 * 1024;

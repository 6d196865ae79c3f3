// Records of connections go from a worker to the primary as the text that they are, over a pipe of their own: in a
// message every quote of them would be escaped, and parsed again, for as much CPU as making them takes.

/** The worker's end: comes after stdin, stdout, stderr and the channel of node:cluster. */
export const RECORDS_FD = 4;

/** A line is some hundred bytes, with the longest names two thousand: what is longer is none of ours. */
export const MAX_RECORD_BYTES = 16 * 1024;

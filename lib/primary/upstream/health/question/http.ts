// A check of type `http`: sends a GET request and reads only the status line of the answer.

import { showBytes } from '../../../../../config/bytes.ts';
import type { HealthCheckPlan } from '../../../../../config/health-check.ts';
import { showStatus } from '../../../../../config/health-check.ts';
import { addressOf, type BackendPlan } from '../../../../../config/plan.ts';
import { isPath } from '../../../../../config/unix.ts';
import type { Judge, Verdict, Words } from './question.ts';
import { MAX_STATUS_LINE, readStatusLine } from './status-line.ts';

type HttpCheck = Extract<HealthCheckPlan, { type: 'http' }>;

const SHOWN = 40;

export function httpQuestion({ path, host, port, expectStatus }: HttpCheck, backend: BackendPlan): Words {
  const name = isPath(backend.host) ? 'localhost' : addressOf(backend.hostname ?? backend.host, port ?? backend.port);
  // HTTP/1.1, because some servers refuse 1.0. The server should close: nothing else is asked on this connection.
  const request = [
    `GET ${path} HTTP/1.1`,
    `Host: ${host ?? name}`,
    'User-Agent: bal-health-check',
    'Accept: */*',
    'Connection: close',
  ];
  const send = Buffer.from(`${request.join('\r\n')}\r\n\r\n`, 'latin1');
  return { send, judge: () => judgeStatus(expectStatus) };
}

function judgeStatus(expected: HttpCheck['expectStatus']): Judge {
  let line: Buffer = Buffer.alloc(0);
  const wrong = (fact: string): Verdict => ({ ok: false, fact });
  return {
    read(bytes) {
      // Bytes beyond the longest accepted line change nothing.
      const next = bytes.subarray(0, MAX_STATUS_LINE - line.length);
      line = line.length === 0 ? next : Buffer.concat([line, next]);
      const status = readStatusLine(line);
      switch (status.kind) {
        case 'more':
          return null;
        case 'wrong':
          return wrong(`the answer "${showBytes(line, SHOWN)}" ${status.what}`);
        case 'status': {
          const { code } = status;
          if (expected.some(({ from, to }) => code >= from && code <= to)) return { ok: true };
          return wrong(`HTTP status ${code}, expected ${showStatus(expected)}`);
        }
      }
    },
    end: () => wrong(line.length === 0 ? 'closed without an answer' : `closed after "${showBytes(line, SHOWN)}"`),
  };
}

// Checks a row against its fault.
import assert from 'node:assert/strict';
import type { Fault } from './fault.ts';
import type { Row } from './run.ts';

export function judge(faults: readonly Fault[], rows: readonly Row[]): void {
  assert.equal(rows.length, faults.length);
  for (const [i, row] of rows.entries()) {
    const fault = faults[i];
    assert.ok(fault !== undefined);
    const said = JSON.stringify(row);
    const only = (seen: object, allowed: readonly string[]): boolean =>
      Object.keys(seen).every((one) => allowed.includes(one));
    assert.ok(only(row.alone, fault.alone), `clients of the faulty backend alone: ${said}`);
    assert.ok(only(row.beside, fault.beside), `clients with a healthy backend beside it: ${said}`);
    assert.ok(Number(row.beside.ok) > 0, `the healthy backend serves: ${said}`);
    assert.equal(row.detectedMs !== null, fault.detected === true, said);
    if (fault.detected === false) assert.equal(row.state, 'up', said);
  }
}

// Parses the Prometheus text format as far as tests need it: series with labels, and their values.

/** One line: `name{labels}` and its value. */
export type Series = ReadonlyMap<string, number>;

export function seriesIn(text: string): Series {
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice(0, at), Number(line.slice(at + 1))];
      }),
  );
}

/** The type of each family. */
export function typesIn(text: string): ReadonlyMap<string, string> {
  return new Map(Array.from(text.matchAll(/^# TYPE (\S+) (\S+)$/gm), ([, name = '', type = '']) => [name, type]));
}

/** The series that must never decrease: those of counters and histograms. */
export function countersIn(text: string): Series {
  const types = typesIn(text);
  return new Map(
    [...seriesIn(text)].filter(([series]) => {
      const [name = ''] = series.split('{');
      const type = types.get(name) ?? types.get(name.replace(/_(bucket|sum|count)$/, ''));
      return type === 'counter' || type === 'histogram';
    }),
  );
}

/** Labels by the metric names used in queries; a histogram counts as its parts. */
export function labelsByMetric(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const series of seriesIn(text).keys()) {
    const [name = ''] = series.split('{');
    found.set(
      name,
      Array.from(series.matchAll(/(\w+)="/g), ([, label = '']) => label),
    );
  }
  return found;
}

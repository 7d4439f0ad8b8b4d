/** @file The few functions of jstat that Temper calls; the package brings no types. */
declare module 'jstat' {
  /** The inverse of a distribution function. */
  interface Quantiles<Parameters extends number[]> {
    inv(p: number, ...parameters: Parameters): number;
  }
  const library: {
    jStat: { studentt: Quantiles<[degrees: number]>; normal: Quantiles<[mean: number, sd: number]> };
  };
  export default library;
}

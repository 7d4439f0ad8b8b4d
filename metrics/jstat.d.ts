/** @file The few functions of jstat that Temper calls; the package brings no types. */
declare module 'jstat' {
  /** A distribution function and its inverse. */
  interface Distribution<Parameters extends number[]> {
    cdf(x: number, ...parameters: Parameters): number;
    inv(p: number, ...parameters: Parameters): number;
  }
  const library: {
    jStat: { studentt: Distribution<[degrees: number]>; normal: Distribution<[mean: number, sd: number]> };
  };
  export default library;
}

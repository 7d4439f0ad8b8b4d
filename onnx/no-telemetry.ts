/** @file To be imported before onnxruntime-node: its library reports to its makers, and keeps files, unless told not to. */
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';

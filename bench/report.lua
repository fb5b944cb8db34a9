-- What every script reports at the end of its run; bench/wrk.py reads it.

function done(summary, latency)
  io.write(string.format("RESULT per_s=%.1f p50_ms=%.3f p99_ms=%.3f failed=%d bytes_per_s=%.0f\n",
    summary.requests * 1e6 / summary.duration, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
    summary.bytes * 1e6 / summary.duration))
end

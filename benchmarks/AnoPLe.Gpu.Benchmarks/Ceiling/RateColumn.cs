namespace AnoPLe.Gpu.Benchmarks.Ceiling;

/// <summary>Work over median time: GFLOP/s, GB/s or image/s.</summary>
internal sealed class RateColumn() : WorkColumn("Rate", "Work of one call over the median time")
{
    protected override string Format(double rate, string unit, string? device) => Rates.Text(rate, unit);
}

/// <summary>That, as a part of what the device reaches when nothing else holds it up.</summary>
internal sealed class CeilingColumn() : WorkColumn("Ceiling", "Rate as a part of what the device reaches at best: products in registers for FLOP, copying 256 MiB for bytes")
{
    protected override string Format(double rate, string unit, string? device) => Rates.Part(rate, device is null ? null : Ceilings.Of(device, unit));
}

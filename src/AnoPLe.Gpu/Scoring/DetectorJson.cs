using System.Text.Json.Serialization;

namespace AnoPLe.Gpu.Scoring;

/// <summary>
/// What the metadata of detectors and checkpoints holds as JSON, with readers made at compile time: made at run time, they take longer than
/// reading the rest of the file.
/// </summary>
[JsonSerializable(typeof(int))]
[JsonSerializable(typeof(int[]))]
[JsonSerializable(typeof(string[]))]
[JsonSerializable(typeof(float[][]))]
[JsonSerializable(typeof(double[][]))]
[JsonSerializable(typeof(Shot[][]))]
internal sealed partial class DetectorJson : JsonSerializerContext;

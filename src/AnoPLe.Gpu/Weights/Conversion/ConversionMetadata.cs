using System.Reflection;

namespace AnoPLe.Gpu.Weights.Conversion;

/// <summary>Keys under which a converted file says where it is from.</summary>
internal static class ConversionMetadata
{
    /// <summary>What made the file, with its version.</summary>
    public const string Generator = "generator";

    /// <summary><see cref="Clip"/> or <see cref="Raw"/>.</summary>
    public const string Conversion = "conversion";

    /// <summary>A CLIP model under canonical names.</summary>
    public const string Clip = "clip";

    /// <summary>Tensors as they were.</summary>
    public const string Raw = "raw";

    /// <summary>The whole configuration, as open_clip writes it.</summary>
    public const string Config = "clip_config";

    /// <summary>Name of the source, without its folder.</summary>
    public const string Source = "source";

    /// <summary>SHA-256 of the source: <see cref="CheckpointFiles.Hash"/>.</summary>
    public const string SourceHash = "source_sha256";

    /// <summary>Form of the source, such as "TorchScript".</summary>
    public const string SourceFormat = "source_format";

    /// <summary>Scheme of the source's names.</summary>
    public const string SourceNaming = "source_naming";

    /// <summary>Features to compute again: <see cref="CheckVector"/>.</summary>
    public const string Check = "check";

    /// <summary>For instance "anople weights convert 0.1.0".</summary>
    public static string Name { get; } = "anople weights convert "
        + typeof(ConversionMetadata).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}

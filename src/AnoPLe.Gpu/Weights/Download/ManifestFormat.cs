namespace AnoPLe.Gpu.Weights.Download;

/// <summary>What kind of file a checkpoint is published as.</summary>
public enum ManifestFormat
{
    /// <summary>A safetensors file, "safetensors" in the manifest: read as it is.</summary>
    Safetensors,

    /// <summary>A TorchScript archive, "torchscript", as OpenAI publishes them: converted before use.</summary>
    TorchScript,

    /// <summary>A file of torch.save, "pt" (.pt, .pth, .bin, .ckpt): converted before use.</summary>
    PyTorch,
}

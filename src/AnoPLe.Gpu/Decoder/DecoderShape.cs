using AnoPLe.Gpu.Parameters;

namespace AnoPLe.Gpu.Decoder;

/// <summary>Sizes of a decoder.</summary>
/// <param name="Grid">g, patches per side; the decoder's grid is 4 g.</param>
/// <param name="VisionWidth">d_v, width of the tokens it reads.</param>
/// <param name="Hidden">h, channels inside.</param>
/// <param name="EmbedDim">d, width of the features it writes: the joint space of images and texts.</param>
internal sealed record DecoderShape(int Grid, int VisionWidth, int Hidden, int EmbedDim)
{
    /// <summary>The learnable tensors of the decoder proper; the view signal is declared by its owner. Source: SPEC section 5.</summary>
    public IEnumerable<ParameterDeclaration> Declare()
    {
        double perInput = 1 / Math.Sqrt(VisionWidth), perHidden = 1 / Math.Sqrt(Hidden);
        yield return new("decoder.up1.weight", new(VisionWidth, Hidden, 2, 2), perInput);
        yield return new("decoder.up1.bias", new(Hidden), 0);
        yield return new("decoder.ln1.weight", new(Hidden), 0, Constant: 1);
        yield return new("decoder.ln1.bias", new(Hidden), 0);
        yield return new("decoder.up2.weight", new(Hidden, Hidden, 2, 2), perHidden);
        yield return new("decoder.up2.bias", new(Hidden), 0);
        yield return new("decoder.ln2.weight", new(Hidden), 0, Constant: 1);
        yield return new("decoder.ln2.bias", new(Hidden), 0);
        yield return new("decoder.out.weight", new(EmbedDim, Hidden), perHidden);
        yield return new("decoder.out.bias", new(EmbedDim), 0);
    }
}

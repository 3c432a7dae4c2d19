using AnoPLe.Gpu.Compute.Resampling;

namespace AnoPLe.Gpu.Compute.Ops;

/// <summary>8-bit images of any size to the normalised planes that patches are cut from.</summary>
/// <remarks>
/// Pillow's bicubic resize: columns, then rows, both in fixed point with 22 fraction bits and rounded to 8 bits (<see cref="BicubicTaps"/>), of
/// which S x S pixels are kept; then images[b, c, y, x] = values[c, v]. All arithmetic is in integers, so every backend gives the same bits.
/// images: (B, 3, S, S); values: (3, 256), what an 8-bit value of a channel becomes. No backward: images are given.
/// Source: Pillow, src/libImaging/Resample.c, ImagingResampleHorizontal_8bpc and ImagingResampleVertical_8bpc.
/// </remarks>
public abstract class ImageResize(Backend backend) : Operation(backend)
{
    /// <summary>Resizes and normalises a batch. The sources' pixels may be reused afterwards.</summary>
    /// <exception cref="ArgumentException">Shapes do not fit, or a source's pixels, size or part do not.</exception>
    /// <exception cref="DeviceException">No room for the largest source.</exception>
    public void Forward(Tensor images, IReadOnlyList<ImageSource> sources, Tensor values)
    {
        ArgumentNullException.ThrowIfNull(sources);
        Require.Rank(Backend, images, 4);
        int S = images.Width;
        Require.That(images.Shape[1] == 3 && images.Shape[2] == S && images.Shape[0] == sources.Count,
            $"images ('{images.Name}') has shape {images.Shape}, expected [{sources.Count}, 3, S, S] for {sources.Count} images.");
        Require.Tensor(Backend, values, new(3, 256));
        for (int b = 0; b < sources.Count; b++)
            Check(sources[b], b, S);
        ForwardCore(images, sources, values);
    }

    private static void Check(in ImageSource source, int b, int S)
    {
        Require.That(source.Width >= 1 && source.Height >= 1 && source.Pixels.Length == 3L * source.Width * source.Height,
            $"Image {b} of {source.Width} x {source.Height} has {source.Pixels.Length} bytes, expected packed RGB24, at least 1 x 1.");
        Require.That(source.Left >= 0 && source.Top >= 0 && source.Left <= source.ResizedWidth - S && source.Top <= source.ResizedHeight - S,
            $"Image {b}: {S} x {S} pixels from ({source.Left}, {source.Top}) do not lie within {source.ResizedWidth} x {source.ResizedHeight}.");
    }

    /// <summary>Arithmetic of <see cref="Forward"/>; arguments have been checked.</summary>
    protected abstract void ForwardCore(Tensor images, IReadOnlyList<ImageSource> sources, Tensor values);
}

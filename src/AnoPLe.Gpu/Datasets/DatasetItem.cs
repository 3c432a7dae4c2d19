using AnoPLe.Gpu.Imaging;

namespace AnoPLe.Gpu.Datasets;

/// <summary>What is known about an image as a whole.</summary>
public enum ImageLabel
{
    /// <summary>Nothing: the image can be scored but not rated.</summary>
    Unknown,

    /// <summary>Free of defects.</summary>
    Normal,

    /// <summary>Shows a defect.</summary>
    Anomalous,
}

/// <summary>What an image of a dataset is for.</summary>
public enum DatasetSplit
{
    /// <summary>Normal images to fit on.</summary>
    Train,

    /// <summary>Images to score.</summary>
    Test,
}

/// <summary>One image of a dataset.</summary>
/// <param name="Path">Full path of the image file.</param>
/// <param name="Name">Path below the category's folder with forward slashes, for example "test/crack/003.png"; items are sorted by it.</param>
/// <param name="Split">Train or test.</param>
/// <param name="Label">Normal, anomalous, or unknown.</param>
/// <param name="DefectType">"good" for normal images, the name of the defect for anomalous ones, "" when unknown.</param>
/// <param name="MaskPath">Full path of the pixel mask; null when there is none.</param>
public sealed record DatasetItem(string Path, string Name, DatasetSplit Split, ImageLabel Label, string DefectType, string? MaskPath)
{
    /// <summary>The defect type of normal images.</summary>
    public const string Good = "good";

    /// <summary>Whether it is known for every pixel if it is defective: normal images, and anomalous ones with a mask. Others stay out of pixel metrics.</summary>
    public bool HasPixelTruth => Label == ImageLabel.Normal || (Label == ImageLabel.Anomalous && MaskPath is not null);

    /// <summary>The defective pixels of this item: read from its mask, none for a normal image, null when they are not known.</summary>
    /// <param name="image">The item's image, for its size.</param>
    /// <exception cref="FileNotFoundException">The mask is gone.</exception>
    /// <exception cref="InvalidDataException">The mask is not an image, or not the size of its image.</exception>
    public Mask? LoadMask(RgbImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (!HasPixelTruth)
            return null;
        if (MaskPath is null)
            return Mask.Empty(image.Width, image.Height);
        Mask mask = Mask.Load(MaskPath);
        if (mask.Width != image.Width || mask.Height != image.Height)
            throw new InvalidDataException($"{MaskPath}: the mask has {mask.Width} x {mask.Height} pixels, its image {Path} {image.Width} x {image.Height}. " +
                "Both must have one size; replace the mask.");
        return mask;
    }
}

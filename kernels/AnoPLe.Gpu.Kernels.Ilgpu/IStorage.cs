namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>What a kernel's input lies in memory as, a constant to the kernel compiler.</summary>
internal interface IStorage
{
    /// <summary>Whether it is 16-bit floats in the precision of the product, two to a word, instead of floats.</summary>
    static abstract bool IsHalf { get; }

    /// <summary>Whether a row is a patch of an image, see <see cref="PatchRows"/>.</summary>
    static abstract bool IsPatches { get; }
}

/// <summary>Floats, which a kernel of 16-bit products rounds on the way to shared memory.</summary>
internal struct Floats : IStorage
{
    public static bool IsHalf => false;

    public static bool IsPatches => false;
}

/// <summary>Already rounded.</summary>
internal struct Halves : IStorage
{
    public static bool IsHalf => true;

    public static bool IsPatches => false;
}

/// <summary>Images of floats, a row to a patch; its sums become a token and the position is added.</summary>
internal struct Patches : IStorage
{
    public static bool IsHalf => false;

    public static bool IsPatches => true;
}

namespace AnoPLe.Gpu.Training;

/// <summary>Losses of one optimiser step, before it. The parts are unweighted means; the total is their weighted sum. Source: SPEC section 9.</summary>
/// <param name="Total">L.</param>
/// <param name="Dice">L_dice.</param>
/// <param name="Focal">L_focal.</param>
/// <param name="Image">L_img.</param>
/// <param name="Alignment">L_align.</param>
public readonly record struct StepLosses(double Total, double Dice, double Focal, double Image, double Alignment)
{
    /// <summary>Whether the total is a number: anything not finite in the parts makes it none.</summary>
    public bool AreFinite => double.IsFinite(Total);
}

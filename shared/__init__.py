"""The treaty: what the three houses share. It knows no business."""

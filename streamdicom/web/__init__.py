"""The HTTP side: what DICOMweb (PS3.18) sends and gets, as streams."""

//! DICOM files (PS3.10) and data sets in the transfer syntaxes of PS3.5.

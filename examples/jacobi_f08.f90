! SPDX-License-Identifier: BSD-3-Clause
!
! jacobi_f08.f90 - a solver that outlives its ranks; jacobi.c's algorithm and lines, in Fortran.
!
!     ft run --mode=repair --spares 1 -n 4 jacobi_f08 [N [STEPS [COMMIT_EVERY [PAUSE_MS]]]]
!
! Laplace's equation on N x N inner points: 1 on the upper edge, 0 on the others. Each rank has some
! rows, and the rows beside them of its neighbours. A step replaces each point by the mean of its four
! neighbours; the residual is the length of the change. Every COMMIT_EVERY steps all ranks commit what
! they have. When one is lost a spare takes its place, step_on is called anew in all ranks, and all go
! back to the last commit together: the same residuals come out as if nothing had happened.
!
! What a body allocates is never given back if a loss interrupts it (ftmpi.f90), so the fields belong to
! the module. The rows are summed in the same order whoever computes them: not a bit is different.
!
module jacobi
    use mpi_f08
    use ftmpi
    use, intrinsic :: iso_c_binding
    implicit none
    integer :: n = 64, steps = 200, commit_every = 10, pause_ms = 0
    integer :: rank, ranks, rows
    type(MPI_Comm) :: row
    integer, asynchronous, save :: step = 0
    double precision, asynchronous, save :: residual = 0
    double precision, allocatable, asynchronous, save :: field(:, :) ! columns are the rows of the problem
    double precision, allocatable :: before(:, :), sums(:)

    interface
        integer(c_int) function usleep(us) bind(C)
            import
            integer(c_int), value :: us
        end function
    end interface

contains

    subroutine begin()
        step = 0
        residual = 0
        field = 0
        if (rank == 0) field(:, 0) = 1
    end subroutine

    subroutine exchange_edges()
        integer :: above, below

        above = merge(rank - 1, MPI_PROC_NULL, rank > 0)
        below = merge(rank + 1, MPI_PROC_NULL, rank < ranks - 1)
        call MPI_Sendrecv(field(1:n, 1), n, MPI_DOUBLE_PRECISION, above, 1, &
            field(1:n, rows + 1), n, MPI_DOUBLE_PRECISION, below, 1, row, MPI_STATUS_IGNORE)
        call MPI_Sendrecv(field(1:n, rows), n, MPI_DOUBLE_PRECISION, below, 2, &
            field(1:n, 0), n, MPI_DOUBLE_PRECISION, above, 2, row, MPI_STATUS_IGNORE)
    end subroutine

    ! One step. Returns this rank's part of the square of the change.
    double precision function relax() result(change)
        integer :: i, j

        before = field
        change = 0
        do j = 1, rows
            do i = 1, n
                field(i, j) = 0.25d0*(before(i, j - 1) + before(i, j + 1) + before(i - 1, j) + before(i + 1, j))
                change = change + (field(i, j) - before(i, j))**2
            end do
        end do
    end function

    ! In rank order, so that it is the same whatever way a sum over all ranks would take.
    subroutine sum_up(change)
        double precision, intent(in) :: change
        integer :: i

        call MPI_Allgather(change, 1, MPI_DOUBLE_PRECISION, sums, 1, MPI_DOUBLE_PRECISION, MPI_COMM_WORLD)
        residual = 0
        do i = 1, ranks
            residual = residual + sums(i)
        end do
        residual = sqrt(residual)
    end subroutine

    subroutine go_back(repair)
        type(FTMPI_Repair_t), intent(in) :: repair
        integer :: ierror

        call FTMPI_Fetch_common(10000, ierror=ierror)
        if (ierror /= MPI_SUCCESS) call begin() ! lost before the first commit
        if (rank > 0) return
        write (*, '(a,i0,a,*(:,1x,i0))', advance='no') 'repaired ', repair%repairs, &
            trim(merge(': ranks', ': rank ', repair%lost_n > 1)), repair%lost(:min(repair%lost_n, FTMPI_LOST_MAX))
        print '(a,i0)', ' lost, going on from step ', step
        flush (6)
    end subroutine

    ! To the end, from where the last commit was.
    subroutine step_on(repair, ierror)
        type(FTMPI_Repair_t), intent(in) :: repair
        integer, intent(inout) :: ierror
        double precision :: change
        logical :: is_kept

        if (repair%repairs > 0) call go_back(repair)
        do while (step < steps)
            call exchange_edges()
            change = relax()
            step = step + 1
            is_kept = mod(step, commit_every) == 0
            ! Whoever gets through the next collective knows that all ranks' last commit is safe.
            if (is_kept) call await_commit()
            call sum_up(change)
            if (is_kept) call FTMPI_Commit(step)
            if (is_kept .and. rank == 0) print '(a,i0,a,es17.10)', 'step ', step, ' residual ', residual
            flush (6)
            if (pause_ms > 0) ierror = usleep(int(1000*pause_ms, c_int))
        end do
        ierror = MPI_SUCCESS
    end subroutine

    subroutine await_commit()
        integer :: ierror

        call FTMPI_Commit_wait(FT_FOREVER, ierror)
        if (ierror /= MPI_SUCCESS) print '(a,i0,2a)', 'rank ', rank, ' has nowhere to keep its state: ', &
            FTMPI_Last_error()
    end subroutine

    integer function argument(i, otherwise)
        integer, intent(in) :: i, otherwise
        character(32) :: text

        argument = otherwise
        call get_command_argument(i, text)
        if (text /= '') read (text, *) argument
    end function
end module

program jacobi_f08
    use jacobi
    implicit none
    integer :: ierror

    n = argument(1, n)
    steps = argument(2, steps)
    commit_every = argument(3, commit_every)
    pause_ms = argument(4, pause_ms)
    call MPI_Init()
    call MPI_Comm_rank(MPI_COMM_WORLD, rank)
    call MPI_Comm_size(MPI_COMM_WORLD, ranks)
    call MPI_Comm_dup(MPI_COMM_WORLD, row)
    if (min(n, steps, commit_every) < 1 .or. n < ranks) call MPI_Abort(MPI_COMM_WORLD, 2)
    rows = n/ranks + merge(1, 0, rank < mod(n, ranks))
    allocate (field(0:n + 1, 0:rows + 1), before(0:n + 1, 0:rows + 1), sums(ranks))
    call begin()
    call FTMPI_Keep('step', step)
    call FTMPI_Keep('residual', residual)
    call FTMPI_Keep('field', field, ierror)
    if (ierror /= MPI_SUCCESS) print '(a,i0,2a)', 'rank ', rank, ' keeps nothing: ', FTMPI_Last_error()
    call FTMPI_Loop(step_on)
    if (rank == 0) print '(a,es22.15,a,i0,a)', 'residual ', residual, ' after ', steps, ' steps'
    call MPI_Comm_free(row)
    call MPI_Finalize()
end program
